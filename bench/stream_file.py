#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends a file over TCP by sendfile(2) and by motet, in turn; prints a table.

usage: stream_file.py BUILD [--repeats N] [--megabytes N] [--libev] [--quick]
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

import results

RAW = 'sendfile(2)'


def receive_all(listener):
    peer, _ = listener.accept()
    with peer:
        room = bytearray(1 << 20)
        while peer.recv_into(room):
            pass


def measure(command, backend):
    """One run. @returns its seconds: real ones and of the processor."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        receiver = threading.Thread(target=receive_all, args=(listener,))
        receiver.start()
        done = subprocess.run([*command[:2], str(listener.getsockname()[1]), *command[2:]],
                              env={**os.environ, 'MOTET_BACKEND': backend or ''},
                              stdout=subprocess.PIPE, text=True, check=True)
        receiver.join()
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--megabytes', type=int, default=1024)
    parser.add_argument('--libev', action='store_true')
    parser.add_argument('--quick', action='store_true', help='one run of 256 MiB')
    results.add_argument(parser)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repeats, arguments.megabytes = 1, 256
    programs = arguments.build / 'bench'
    with tempfile.NamedTemporaryFile(dir=programs) as file:
        for _ in range(arguments.megabytes):
            file.write(os.urandom(1 << 20))
        file.flush()
        ways = {RAW: ([programs / 'raw_send_file', file.name], None)}
        for backend in ['uring'] + ['libev'] * arguments.libev:
            motet = [programs / 'motet_send_file', file.name]
            ways[f'motet {backend}, `copy(file, stream)`'] = motet, backend
            ways[f'motet {backend}, through a buffer'] = [*motet, '--through-buffer'], backend
        seen = {name: [] for name in ways}
        for _ in range(arguments.repeats):
            for name, (command, backend) in ways.items():
                seen[name].append(measure(command, backend))

    table = results.Table(
        'stream_file', f'{arguments.megabytes} MiB of a file in memory over TCP',
        'ns CPU per KiB', head='sender',
        columns=['CPU of the sender', results.Column('rate', 'MiB/s', compared=False)])
    for name, runs in seen.items():
        table.row(name, [[run['processor'] * 1e9 / arguments.megabytes / 1024 for run in runs],
                         [arguments.megabytes / run['seconds'] for run in runs]],
                  raw=name == RAW)
    table.compare_with_row(RAW)
    results.publish(table, arguments.tables)


main()
