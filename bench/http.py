#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The HTTP server of the examples beside nginx and Go, under wrk: "Hello, world!" on kept
connections.

Each server runs alone on core 0, the load on core 1. Repeats are interleaved. Prints
Markdown tables.
"""
import argparse
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import results

SERVER_CORE, LOAD_CORE = '0', '1'
START_SECONDS = 10
DISTURBED = 0.05  # part of the window in which the server waited for its core
PEER = 'nginx'
TARGET = 1.00
HELLO = b'Hello, world!\n'
REQUEST = b'GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n'
# One worker, no log, and connections that are kept for as long as they are used.
NGINX = '''daemon off;
worker_processes 1;
user {user};
pid {folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/1;
  proxy_temp_path {folder}/2;
  fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4;
  scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type text/plain; return 200 "Hello, world!\\n"; }}
  }}
}}
'''


def commands(build):
    """What can be started here: the name, its command, its environment."""
    motet = [str(build / 'examples' / 'http' / 'http_server')]
    known = {
        'motet': (motet, {'MOTET_BACKEND': 'uring'}),
        'motet on libev': (motet, {'MOTET_BACKEND': 'libev'}),
        PEER: (['nginx'], {}),
        'Go, net/http': ([str(build / 'bench' / 'go_http')], {'GOMAXPROCS': '1'}),
    }
    for name, (command, environment) in known.items():
        if shutil.which(command[0]):
            yield name, command, environment
        else:
            print(f'{name}: {command[0]} is not there', file=sys.stderr)


class Process:
    """A server. Ends when the block is left, however it is left."""

    def __init__(self, command, environment):
        self.folder = tempfile.TemporaryDirectory()
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.port = free.getsockname()[1]
        if command == ['nginx']:
            path = pathlib.Path(self.folder.name) / 'nginx.conf'
            user = subprocess.run(['id', '-un'], capture_output=True, text=True).stdout
            path.write_text(NGINX.format(folder=self.folder.name, port=self.port,
                                         user=user.strip()))
            command = ['nginx', '-p', self.folder.name, '-e', 'stderr', '-c', str(path)]
        else:
            command = command + ['--port', str(self.port)]
        self.child = subprocess.Popen(
            ['taskset', '-c', SERVER_CORE] + command, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **environment})

    def __enter__(self):
        try:
            self.wait_for_hello()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.child.terminate()  # not killed: nginx has to end its worker
        try:
            self.child.wait(START_SECONDS)
        finally:
            self.child.kill()
            self.child.wait()
            self.folder.cleanup()

    def wait_for_hello(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.create_connection(('127.0.0.1', self.port), 1) as peer:
                    peer.sendall(REQUEST)
                    if HELLO in b''.join(iter(lambda: peer.recv(1 << 16), b'')):
                        return
            except OSError:
                pass
            if time.monotonic() > end or self.child.poll() is not None:
                raise RuntimeError(f'{self.child.args} says no hello')
            time.sleep(0.02)

    def account(self):
        """Seconds on a core, and waiting for one, of it and its children so far."""
        pids = [str(self.child.pid)]
        children = pathlib.Path(f'/proc/{pids[0]}/task/{pids[0]}/children')
        pids += children.read_text().split()
        stats = [task.read_text().split()[:2] for pid in pids
                 for task in pathlib.Path(f'/proc/{pid}/task').glob('*/schedstat')]
        return [sum(int(each[i]) for each in stats) / 1e9 for i in (0, 1)]


def microseconds(text):
    number, unit = re.fullmatch(r'([\d.]+)(us|ms|s)', text).groups()
    return float(number) * {'us': 1, 'ms': 1e3, 's': 1e6}[unit]


def measure(command, environment, connections, seconds):
    with Process(command, environment) as server:
        before, start = server.account(), time.monotonic()
        done = subprocess.run(
            ['taskset', '-c', LOAD_CORE, 'wrk', '-t1', f'-c{connections}', f'-d{seconds}',
             '--latency', f'http://127.0.0.1:{server.port}/'],
            capture_output=True, text=True, timeout=60)
        after, window = server.account(), time.monotonic() - start
    found = re.search(r'(\d+) requests in', done.stdout)
    if errors := re.findall(r'Socket errors.*|Non-2xx.*', done.stdout) or not found:
        raise RuntimeError(f'wrk: {errors} {done.stdout[-300:]} {done.stderr[-300:]}')
    requests = int(found[1])
    percentile = {p: microseconds(v) for p, v in
                  re.findall(r'^ +(\d\d)% +(\S+)', done.stdout, re.MULTILINE)}
    return {'cpu': (after[0] - before[0]) * 1e6 / requests, 'rps': requests / window,
            'p50': percentile['50'], 'p99': percentile['99'],
            'waited': (after[1] - before[1]) / window}


def make_table(samples, connections, note):
    table = results.Table(
        f'http_{connections}', f'HTTP, "Hello, world!", {connections} connections',
        'µs CPU per request', head='server',
        columns=['CPU', results.Column('requests', '1/s', compared=False),
                 results.Column('p50', 'µs', compared=False),
                 results.Column('p99', 'µs', compared=False)])
    for name, runs in samples.items():
        cpu, *others = ([run[key] for run in runs] for key in ('cpu', 'rps', 'p50', 'p99'))
        target = results.at_most_ratio(TARGET) if name == 'motet' else None
        table.row(name, [results.Figure(cpu, target), *others], raw=name == PEER)
    table.compare_with_row(PEER)
    table.notes.append(note)
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--reps', type=int, help='default 5; 3 if quick')
    parser.add_argument('--seconds', type=int, help='of a repeat: default 2; 1 if quick')
    results.add_argument(parser)
    options = parser.parse_args()
    options.reps = options.reps or (3 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    return options


def main():
    options = parse()
    if not shutil.which('wrk'):
        print('Not run: wrk is not installed')
        return 1
    servers = list(commands(options.build))
    for connections in 50, 500:
        samples = {name: [] for name, _, _ in servers}
        for repeat in range(options.reps):
            for name, command, environment in servers:
                samples[name].append(measure(command, environment, connections,
                                             options.seconds))
            print(f'http: {connections} connections, repeat {repeat + 1} of {options.reps}',
                  file=sys.stderr)
        runs = [run for each in samples.values() for run in each]
        disturbed = sum(run['waited'] > DISTURBED for run in runs)
        note = (f'{options.reps} interleaved repeats of {options.seconds} s. In {disturbed} '
                f'of {len(runs)} runs the server waited for its core for more than '
                f'{DISTURBED:.0%} of the time.')
        results.publish(make_table(samples, connections, note), options.tables)
    return 0


if __name__ == '__main__':
    sys.exit(main())
