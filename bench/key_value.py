#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The key-value server of the examples beside redis-server, under redis-benchmark.

Each server runs alone on core 0, the load on core 1. Repeats are interleaved. Prints
Markdown tables.
"""
import argparse
import csv
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import results

SERVER_CORE, LOAD_CORE = '0', '1'
START_SECONDS = 5
DISTURBED = 0.05  # part of the window in which the server waited for its core
PEER = 'redis-server'
TESTS = ['ping_mbulk', 'set', 'get']
NAMES = {'ping_mbulk': 'PING', 'set': 'SET', 'get': 'GET'}


class Process:
    """A server. Ends when the block is left, however it is left."""

    def __init__(self, name, build):
        self.folder = tempfile.TemporaryDirectory()
        if name == PEER:
            with socket.create_server(('127.0.0.1', 0)) as free:
                self.port = str(free.getsockname()[1])
            command = [PEER, '--port', self.port, '--bind', '127.0.0.1', '--save', '',
                       '--appendonly', 'no', '--io-threads', '1', '--dir', self.folder.name]
            ready = r'Ready to accept connections'
        else:
            command = [str(build / 'examples' / 'key_value' / 'key_value'), '--port', '0']
            ready = r'listening on 127\.0\.0\.1:(\d+)\n'
        environment = dict(os.environ)
        if name.endswith('libev'):
            environment['MOTET_BACKEND'] = 'libev'
        self.child = subprocess.Popen(
            ['taskset', '-c', SERVER_CORE] + command, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        end, said, out = time.monotonic() + START_SECONDS, '', self.child.stdout.fileno()
        while not (found := re.search(ready, said)):
            is_more = select.select([out], [], [], max(end - time.monotonic(), 0))[0]
            more = os.read(out, 4096).decode() if is_more else ''
            if not more:
                self.__exit__()
                raise RuntimeError(f'{name} did not start: {said[-300:]}')
            said += more
        if found.groups():
            self.port = found[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()
        self.folder.cleanup()

    def account(self):
        """Seconds on a core, and waiting for one, of all its threads so far."""
        tasks = pathlib.Path(f'/proc/{self.child.pid}/task').glob('*/schedstat')
        fields = [task.read_text().split() for task in tasks]
        return (sum(int(f[0]) for f in fields) / 1e9, sum(int(f[1]) for f in fields) / 1e9)


def load(process, options, test, pipeline, requests):
    """What redis-benchmark says of one test, as numbers by the names of its columns."""
    done = subprocess.run(
        ['taskset', '-c', LOAD_CORE, 'redis-benchmark', '-p', process.port, '--csv',
         '-c', str(options.conns), '-P', str(pipeline), '-n', str(requests), '-t', test],
        capture_output=True, text=True, timeout=120)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if done.returncode != 0 or done.stderr or len(rows) != 1:
        raise RuntimeError(f'redis-benchmark: {done.stderr or done.stdout}'[-300:])
    return {name: float(value) for name, value in rows[0].items() if name != 'test'}


def measure_once(name, options, test, pipeline):
    with Process(name, options.build) as process:
        warm = load(process, options, test, pipeline, 20_000)
        requests = max(int(warm['rps'] * options.seconds), 1000)
        start, (cpu, waited) = time.monotonic(), process.account()
        seen = load(process, options, test, pipeline, requests)
        seconds, (cpu_after, waited_after) = time.monotonic() - start, process.account()
    return {'rps': seen['rps'],
            'cpu': (cpu_after - cpu) / requests * 1e6,
            'waited': (waited_after - waited) / seconds}


def measure(name, options, test, pipeline):
    """One run; again if it was disturbed, and the least disturbed of them counts."""
    runs = []
    for _ in range(1 + options.retries):
        runs.append(measure_once(name, options, test, pipeline))
        if runs[-1]['waited'] <= DISTURBED:
            break
    return min(runs, key=lambda r: r['waited'])


def make_table(options, pipeline, samples, note):
    many = f'{pipeline} requests at a time' if pipeline > 1 else 'one request at a time'
    tests = [NAMES.get(test, test) for test in options.tests]
    columns = [results.Column(f'{test}, {what}', unit, compared=what == 'CPU')
               for test in tests
               for what, unit in (('CPU', ''), ('requests', '1/s'))]
    table = results.Table(
        f'key_value_{pipeline}', f'Key-value server, {options.conns} connections, {many}',
        'µs CPU per request', columns, head='server')
    for name in options.servers:
        cells = [[run[key] for run in samples[(name, test, pipeline)]]
                 for test in options.tests for key in ('cpu', 'rps')]
        table.row(name, cells, raw=name == PEER)
    table.compare_with_row(PEER)
    table.notes.append(note)
    return table


def numbers(text):
    return [int(word) for word in text.split(',')]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--libev', action='store_true', help="motet's libev backend too")
    parser.add_argument('--conns', type=int, default=50)
    parser.add_argument('--pipelines', type=numbers, default=[1, 16])
    parser.add_argument('--tests', type=lambda text: text.split(','), default=TESTS)
    parser.add_argument('--reps', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--retries', type=int, default=1)
    results.add_argument(parser)
    options = parser.parse_args()
    if options.quick:
        options.reps, options.seconds, options.retries = 2, 0.5, 0
    options.servers = [PEER, 'motet'] + ['motet on libev'] * options.libev
    return options


def main():
    options = parse()
    for program in PEER, 'redis-benchmark', 'taskset':
        if shutil.which(program) is None:
            print(f'not run: there is no {program}')
            return 0
    samples = {}
    for repeat in range(options.reps):
        for pipeline in options.pipelines:
            for test in options.tests:
                for name in options.servers:
                    samples.setdefault((name, test, pipeline), []).append(
                        measure(name, options, test, pipeline))
        print(f'key_value: repeat {repeat + 1} of {options.reps} done', file=sys.stderr)
    runs = [run for several in samples.values() for run in several]
    busy = sum(run['waited'] > DISTURBED for run in runs)
    note = (f'{options.reps} interleaved repeats of {options.seconds} s. The server waited for '
            f'its core for more than {DISTURBED:.0%} of the time in {busy} of {len(runs)} runs.')
    for pipeline in options.pipelines:
        results.publish(make_table(options, pipeline, samples, note), options.tables)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f'key_value: {error}')
