#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F8: thousands of idle connections and a thousand busy ones, from other processes. No
errors, memory that stays where it was, and in the end all that there was at the start.
An idle connection that was not served yet holds a page of its fiber's stack; the parser
of the first request takes another, which stays.

usage: f8_connections.py BUILD [--long | --short]
"""
import pathlib
import re
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'clients'))
import support  # noqa: E402

IDLE, ACTIVE = 9000, 1000
SECONDS = 1800 if '--long' in sys.argv else 2 if '--short' in sys.argv else 20
ROUNDS = 10 if '--long' in sys.argv else 2
KB_SILENT, KB_SERVED = 5.5, 9.5
REQUEST = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
HELLO = b'Hello, world!\n'


def connect_all(server, count):
    """Connections, which the server has all taken."""
    before, peers = fibers(server), []
    for _ in range(count):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(support.PATIENCE)
        peer.connect((server.host, server.port))
        peers.append(peer)
    support.wait_until(lambda: fibers(server) == before + count, 'all are taken')
    return peers


def served_once(peers):
    for peer in peers:
        peer.sendall(REQUEST)
    for peer in peers:
        support.read_until(peer, HELLO)
    return peers


def requests_of(wrk, server):
    """How many requests were answered. @throws AssertionError at errors."""
    said = support.run([wrk, '-t1', f'-c{ACTIVE}', f'-d{max(1, SECONDS // ROUNDS)}',
                        server.url()], timeout=SECONDS + support.PATIENCE).stdout
    errors = re.findall(r'Socket errors.*|Non-2xx.*', said)
    support.expect(errors, [], 'errors')
    return int(re.search(r'(\d+) requests in', said)[1])


def fibers(server):
    with server.connect() as peer:
        peer.sendall(b'GET /stats HTTP/1.1\r\nHost: a\r\n\r\n')
        return int(re.search(rb'fibers (\d+)', support.read_until(peer, b'stacks'))[1])


def back_to_start(server, descriptors):
    support.wait_until(lambda: fibers(server) == 2, 'no fibers but those of the start')
    support.wait_until(lambda: server.descriptors() == descriptors,
                       f'{descriptors} descriptors, as at the start')


def run(server, wrk):
    descriptors = server.descriptors()
    for peer in served_once(connect_all(server, 100)):  # memory that is taken once
        peer.close()
    back_to_start(server, descriptors)
    before, silent, served, requests = server.resident_kb(), [], [], 0
    for _ in range(ROUNDS):
        idle = connect_all(server, IDLE)
        silent.append(server.resident_kb())
        served_once(idle)
        served.append(server.resident_kb())
        requests += requests_of(wrk, server)
        for peer in served_once(idle):  # they are all there
            peer.close()
        back_to_start(server, descriptors)
    each = [(kb[0] - before) / IDLE for kb in (silent, served)]
    growth = served[-1] / served[0]
    for kb, most, what in zip(each, (KB_SILENT, KB_SERVED), ('silent', 'served')):
        support.expect(kb <= most, True, f'{kb:.2f} kB per {what} one, {most} are allowed')
    support.expect(growth < 1.05, True, f'memory grows: {served} kB')
    return each, growth, requests


def main():
    wrk = support.require('wrk')
    available = support.need_descriptors(IDLE + ACTIVE + 200)
    if available < IDLE + ACTIVE + 200:
        raise support.Skip(f'only {available} descriptors are allowed')
    start = time.monotonic()
    with support.Server('http_server', '--idle-timeout', 3600) as server:
        each, growth, requests = run(server, wrk)
        server.stop()
    print(f'F8: {IDLE:,} idle connections and {ACTIVE:,} busy ones ({requests:,} requests), '
          f'{ROUNDS} times: 0 errors, {each[0]:.1f} kB each before its first request and '
          f'{each[1]:.1f} after, the last time {growth:.3f} times the memory, all back to start ({time.monotonic() - start:.1f} s)')


try:
    main()
except support.Skip as reason:
    print(f'skipped: {reason}')
    sys.exit(77)
