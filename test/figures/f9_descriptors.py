#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F9: a server that may have 256 descriptors, and 1,000 clients. While it is full it does
next to nothing; when peers leave, the next ones are served within a second.

usage: f9_descriptors.py BUILD [--long | --short]
"""
import pathlib
import resource
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'clients'))
import support  # noqa: E402

DESCRIPTORS, CLIENTS, LEAVE = 256, 1000, 200
SECONDS = 60 if '--long' in sys.argv else 1 if '--short' in sys.argv else 5
BUSY = 0.05


def served_in_time(peer):
    """Whether a client that has waited is served now; how long that takes."""
    start = time.monotonic()
    peer.settimeout(support.PATIENCE)
    support.expect(support.read_exactly(peer, 5), b'hello', 'what came back')
    return time.monotonic() - start


def run(server):
    peers = []
    for _ in range(CLIENTS):
        peer = socket.create_connection((server.host, server.port), support.PATIENCE)
        peer.sendall(b'hello')
        peers.append(peer)
    support.wait_until(lambda: server.descriptors() == DESCRIPTORS, 'it is full')
    busy, start = server.processor_seconds(), time.monotonic()
    time.sleep(SECONDS)
    share = (server.processor_seconds() - busy) / (time.monotonic() - start)
    support.expect(share < BUSY, True, f'{share:.1%} of a core while it is full')
    slowest = 0
    while peers:  # the oldest are served; they leave, and others take their places
        for peer in peers[:LEAVE]:
            slowest = max(slowest, served_in_time(peer))
            peer.close()
        del peers[:LEAVE]
    support.expect(slowest < 1, True, f'the slowest was served after {slowest:.2f} s')
    return share, slowest


def main():
    support.need_descriptors(CLIENTS + 100)
    limit = [(resource.RLIMIT_NOFILE, DESCRIPTORS)]
    for backend in support.backends():
        with support.Server('echo_server', backend=backend, limits=limit) as server:
            share, slowest = run(server)
            said = server.stderr().count('Too many open files')
            support.expect(said, 1, f'lines in {server.stderr()!r}')
            server.stop()
        print(f'F9: {DESCRIPTORS} descriptors, {CLIENTS:,} clients on {backend}: '
              f'{share:.1%} of a core while it is full, the next ones served after '
              f'{slowest:.2f} s at most, one line on stderr')


try:
    main()
except support.Skip as reason:
    print(f'skipped: {reason}')
    sys.exit(77)
