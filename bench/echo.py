#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Echo servers side by side: motet, and by hand on io_uring, on epoll and on libev; or
motet on one thread and on two, and Go.

Every server runs alone on core 0, the load on core 1. Repeats are interleaved, so that
a slow minute of the machine hits all servers alike. Prints Markdown tables.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

SERVER_CORE, LOAD_CORE = '0', '1'
START_SECONDS = 5
DISTURBED = 0.05  # part of the window spent waiting for a core

# Ratios to the best raw server, by (bytes, connections).
RECV_LOOP_TARGETS = {(64, 50): 1.05, (64, 500): 1.05, (64, 5000): 1.10, (4096, 50): 1.05}
READ_TARGETS = {(64, 50): 1.05, (64, 500): 1.05, (64, 5000): 1.20, (4096, 50): 1.05}
LIBEV_TARGETS = {(64, 50): 1.20, (64, 500): 1.20, (64, 5000): 1.40, (4096, 50): 1.10}
TIMEOUT_TARGET = 1.02
ONE_THREAD = 'motet, 1 thread'
RAW_LIBEV = 'raw libev'


@dataclass
class Server:
    name: str
    command: list
    targets: dict = field(default_factory=dict)
    without_timeout: str = ''  # the name of the same server without --timeout
    env: dict = field(default_factory=dict)
    cores: str = SERVER_CORE

    @property
    def raw(self):
        return self.name.startswith('raw')

    @property
    def beside_load(self):
        """Whether it may run on the core of the load, too."""
        return LOAD_CORE in self.cores


def threaded_servers():
    motet, go, both = 'motet_echo', 'go_echo', f'{SERVER_CORE},{LOAD_CORE}'
    return [
        Server(ONE_THREAD, [motet]),
        Server('motet, 2 threads', [motet, '--threads', '2'], cores=both),
        Server('Go, GOMAXPROCS=1', [go], env={'GOMAXPROCS': '1'}),
        Server('Go, GOMAXPROCS=2', [go], env={'GOMAXPROCS': '2'}, cores=both),
    ]


def known_servers(options):
    """Which servers to run, the limits first."""
    if options.threads:
        return [s for s in threaded_servers() if re.search(options.only, s.name)]
    uring, epoll, motet = 'raw_uring_echo', 'raw_epoll_echo', 'motet_echo'
    plain = [
        Server('raw io_uring', [uring]),
        Server('raw io_uring, multishot', [uring, '--multishot']),
        Server('raw io_uring, multishot, direct', [uring, '--multishot', '--direct']),
        Server('raw epoll', [epoll]),
        Server(RAW_LIBEV, ['raw_libev_echo']),
        Server('libuv', ['uv_echo']),
        Server('Asio, callbacks', ['asio_echo']),
        Server('Asio, spawn', ['asio_spawn_echo']),
        Server('Go', ['go_echo'], env={'GOMAXPROCS': '1'}),
        Server('motet, recv_loop', [motet, '--backend', 'uring'], RECV_LOOP_TARGETS),
        Server('motet, read', [motet, '--read', '--backend', 'uring'], READ_TARGETS),
        Server('motet on libev, recv_loop', [motet, '--backend', 'libev'], LIBEV_TARGETS),
    ]
    timed = [Server(s.name + ', timeout', s.command + ['--timeout'],
                    without_timeout=s.name, env=s.env)
             for s in plain if 'direct' not in s.name]
    timed.insert(1, Server('raw io_uring, LINK_TIMEOUT', [uring, '--linked'],
                           without_timeout=plain[0].name))
    chosen = plain + ([] if options.no_timeouts else timed)
    return [s for s in chosen if re.search(options.only, s.name)]


class Process:
    """A server of ours. Ends when the block is left, however it is left."""

    def __init__(self, server, build):
        path = build / 'bench' / server.command[0]
        if not path.exists():
            raise RuntimeError(f'{path.name} is not built')
        self.child = subprocess.Popen(
            ['taskset', '-c', server.cores, str(path)] + server.command[1:],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, **server.env))

    def __enter__(self):
        try:
            self.port = self.read_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def read_port(self):
        ready, _, _ = select.select([self.child.stdout], [], [], START_SECONDS)
        line = self.child.stdout.readline().decode() if ready else ''
        found = re.fullmatch(r'listening on 127\.0\.0\.1:(\d+)\n', line)
        if not found:
            self.child.kill()
            said = self.child.stderr.read().decode(errors='replace').strip()
            raise RuntimeError(said or f'did not start to listen (said {line!r})')
        return found[1]


def load_command(options, process, size, connections, warm):
    return ['taskset', '-c', LOAD_CORE, str(options.build / 'bench' / 'load'),
            '--port', process.port, '--conns', str(connections), '--size', str(size),
            '--seconds', str(options.seconds), '--warm', str(warm),
            '--server', str(process.child.pid)]


def run_load(command):
    """The load's own line, as a dictionary. It ends by itself: its time is bounded."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{')]
    if not lines:
        raise RuntimeError(done.stderr.strip()[-300:] or f'load: exit {done.returncode}')
    result = json.loads(lines[-1])
    if result['errors']:
        raise RuntimeError(f"{result['errors']} errors: {done.stderr.strip()[-300:]}")
    return result, done.stderr


def disturbed(result):
    """Whether other processes took part of a core from the server or the load. Nobody can
    tell if these two share one."""
    return not result['beside_load'] and max(result['server_waited'], result['load_waited']) > DISTURBED


def measure(options, server, size, connections):
    """One run; again if it was disturbed, and the least disturbed of them counts."""
    results = []
    for _ in range(1 + options.retries):
        with Process(server, options.build) as process:
            result, _ = run_load(load_command(options, process, size, connections,
                                              options.warm))
        result['beside_load'] = server.beside_load
        results.append(result)
        if not disturbed(result):
            break
    return min(results, key=lambda r: r['server_waited'] + r['load_waited'])


def count_system_calls(options, server, size, connections):
    """System calls per request, in a run of its own: counting them slows them down."""
    with Process(server, options.build) as process:
        command = load_command(options, process, size, connections, 0)
        result, said = run_load(
            ['perf', 'stat', '-x,', '-e', 'raw_syscalls:sys_enter',
             '-p', str(process.child.pid), '--'] + command)
    found = re.search(r'^(\d+),.*raw_syscalls', said, re.M)
    if not found or not result['requests']:
        return None
    return int(found[1]) / result['requests']


class Run:
    def __init__(self, options):
        self.options = options
        self.servers = known_servers(options)
        self.cells = [(size, conns) for size in options.sizes for conns in options.conns]
        self.samples = {}  # (server name, size, connections) -> list of results
        self.calls = {}    # the same -> system calls per request
        self.failures = {}

    def wanted(self, server, cell):
        """Timeouts are compared at small messages only; the rest of the matrix says
        nothing new about them."""
        return not server.without_timeout or cell[0] == min(self.options.sizes)

    def attempt(self, server, cell, action):
        if server.name in self.failures or not self.wanted(server, cell):
            return None
        try:
            return action(self.options, server, *cell)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            self.failures[server.name] = str(error)
            print(f'{server.name}: {error}', file=sys.stderr)
            return None

    def collect(self):
        for repeat in range(self.options.reps):
            for cell in self.cells:
                for server in self.servers:
                    result = self.attempt(server, cell, measure)
                    if result:
                        self.keep(server, cell, repeat, result)
            print(f'echo: repeat {repeat + 1} of {self.options.reps} done',
                  file=sys.stderr)
        if not self.options.syscalls:
            return
        for cell in self.cells:
            for server in self.servers:
                calls = self.attempt(server, cell, count_system_calls)
                if calls is not None:
                    self.calls[(server.name, *cell)] = calls

    def keep(self, server, cell, repeat, result):
        result.update(server=server.name, repeat=repeat)
        self.samples.setdefault((server.name, *cell), []).append(result)
        if self.options.json:
            with open(self.options.json, 'a') as out:
                out.write(json.dumps(result) + '\n')

    def counting(self, name, cell):
        """The undisturbed results; all of them if there is none."""
        results = self.samples.get((name, *cell), [])
        return [r for r in results if not disturbed(r)] or results

    def of(self, name, cell, key):
        return [r[key] for r in self.counting(name, cell)]

    def median(self, name, cell, key='cpu_us_per_request'):
        values = self.of(name, cell, key)
        return statistics.median(values) if values else None


def spread(values, form='{:.2f}'):
    low, mid, high = min(values), statistics.median(values), max(values)
    return f'{form.format(mid)} [{form.format(low)}–{form.format(high)}]'


def ratio_text(value, base, target):
    """'1.07 (≤ 1.05)' and the like; the target only where there is one."""
    if value is None or base is None:
        return '–'
    text = f'{value / base:.2f}'
    return f'{text} (≤ {target:.2f})' if target else text


def print_cell(run, cell):
    size, conns = cell
    plain = [s for s in run.servers if not s.without_timeout]
    best = min((run.median(s.name, cell) for s in plain
                if s.raw and run.of(s.name, cell, 'rps')), default=None)
    rows = [s for s in plain if run.of(s.name, cell, 'rps')]
    if not rows:
        return
    print(f'\n### {size} bytes, {conns} connections\n')
    on_libev = run.median(RAW_LIBEV, cell)
    print('| server | CPU µs/request | to the best raw (target) | to raw libev '
          '| requests/s | p50 µs | p99 µs | kB/conn | system calls/request |')
    print('|---|---|---|---|---|---|---|---|---|')
    for server in rows:
        cpu = run.of(server.name, cell, 'cpu_us_per_request')
        ratio = ratio_text(statistics.median(cpu), best, server.targets.get(cell))
        to_libev = ratio_text(statistics.median(cpu), on_libev, None)
        rps, p50, p99, kb = (run.median(server.name, cell, key)
                             for key in ('rps', 'p50_us', 'p99_us', 'kb_per_conn'))
        calls = run.calls.get((server.name, *cell))
        calls_text = '–' if calls is None else f'{calls:.3f}'
        print(f'| {server.name} | {spread(cpu)} | {ratio} | {to_libev} '
              f'| {rps:.0f} | {p50:.0f} | {p99:.0f} | {kb:.1f} | {calls_text} |')


def print_threads_cell(run, cell):
    size, conns = cell
    rows = [s for s in run.servers if run.of(s.name, cell, 'rps')]
    if not rows:
        return
    print(f'\n### {size} bytes, {conns} connections\n')
    print('| server | CPU µs/request | to motet, 1 thread | requests/s | to motet, 1 thread '
          '| p50 µs | p99 µs | kB/conn |')
    print('|---|---|---|---|---|---|---|---|')
    for server in rows:
        cpu, rps = (run.of(server.name, cell, key)
                    for key in ('cpu_us_per_request', 'rps'))
        ratios = [ratio_text(run.median(server.name, cell, key),
                             run.median(ONE_THREAD, cell, key), None)
                  for key in ('cpu_us_per_request', 'rps')]
        p50, p99, kb = (run.median(server.name, cell, key)
                        for key in ('p50_us', 'p99_us', 'kb_per_conn'))
        print(f'| {server.name} | {spread(cpu)} | {ratios[0]} '
              f"| {spread(rps, '{:,.0f}')} | {ratios[1]} "
              f'| {p50:.0f} | {p99:.0f} | {kb:.1f} |')


def paired_costs(run, server, cell):
    """With the timeout to without it, repeat by repeat: what drifts, drifts in both."""
    key = 'cpu_us_per_request'
    without = {r['repeat']: r[key] for r in run.counting(server.without_timeout, cell)}
    return [r[key] / without[r['repeat']] for r in run.counting(server.name, cell)
            if r['repeat'] in without]


def print_timeouts(run):
    timed = [s for s in run.servers if s.without_timeout]
    rows = [(s, cell) for cell in run.cells for s in timed if paired_costs(run, s, cell)]
    if not rows:
        return
    print('\n### A 60 s idle timeout, started anew by each message\n')
    print('| server | connections | CPU µs/request | to itself without (target) '
          '| to the best raw with |')
    print('|---|---|---|---|---|')
    for server, cell in rows:
        best = min((run.median(s.name, cell) for s in timed
                    if s.raw and run.of(s.name, cell, 'rps')), default=None)
        cost = spread(paired_costs(run, server, cell))
        target = '' if 'motet' not in server.name else f' (≤ {TIMEOUT_TARGET:.2f})'
        print(f'| {server.name} | {cell[1]} '
              f"| {spread(run.of(server.name, cell, 'cpu_us_per_request'))} "
              f'| {cost}{target} '
              f'| {ratio_text(run.median(server.name, cell), best, None)} |')


def print_notes(run):
    everything = [r for results in run.samples.values() for r in results]
    if not everything:
        return
    options = run.options
    busy = statistics.median(r['load_busy'] for r in everything)
    print(f'\n{options.reps} interleaved repeats of {options.seconds} s after '
          f'{options.warm} s of warm-up; median [lowest–highest]. The load generator used '
          f'{busy:.2f} of its core (median). Other processes took more than '
          f'{DISTURBED:.0%} of a core in {sum(map(disturbed, everything))} of '
          f'{len(everything)} runs; those count only where there are no others.')
    if any(s.beside_load for s in run.servers):
        print('\nServers of two threads had both cores, and shared one with the load: their '
              'requests per second and latencies are those of both together, and none of '
              'their runs counts as disturbed. CPU time is that of the server alone.')
    for reason in sorted(set(run.failures.values())):
        names = [name for name, why in run.failures.items() if why == reason]
        print(f'\nLeft out: {"; ".join(names)}: {reason}')


def raise_descriptor_limit(connections):
    """Servers and load inherit it."""
    wanted = connections + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


def numbers(text):
    return [int(word) for word in text.split(',')]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--reps', type=int, help='interleaved repeats (5)')
    parser.add_argument('--conns', type=numbers, help='50,500,5000')
    parser.add_argument('--sizes', type=numbers, help='64,4096')
    parser.add_argument('--seconds', type=float, help='measured time of a run (0.5)')
    parser.add_argument('--warm', type=float, default=0.15, help='time before it (0.15)')
    parser.add_argument('--retries', type=int, default=3,
                        help='how often a disturbed run is done again (3)')
    parser.add_argument('--only', default='', help='servers whose name matches this')
    parser.add_argument('--no-timeouts', action='store_true')
    parser.add_argument('--threads', action='store_true',
                        help='motet on one thread and on two, and Go, in place of all')
    parser.add_argument('--syscalls', action='store_true',
                        help='count system calls too, by perf, in runs of their own')
    parser.add_argument('--json', help='append each run to this file')
    options = parser.parse_args()
    usual = (3, [50, 500], [64], 0.4) if options.quick else (5, [50, 500, 5000],
                                                             [64, 4096], 0.5)
    for name, value in zip(('reps', 'conns', 'sizes', 'seconds'), usual):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    options = parse()
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)  # a shell's background jobs ignore it
    if options.syscalls and not shutil.which('perf'):
        print('perf is not installed: system calls are not counted', file=sys.stderr)
        options.syscalls = False
    raise_descriptor_limit(max(options.conns))
    run = Run(options)
    interrupted = False
    try:
        run.collect()
    except KeyboardInterrupt:
        interrupted = True
        print('interrupted: what there is so far', file=sys.stderr)
    for cell in run.cells:
        (print_threads_cell if options.threads else print_cell)(run, cell)
    print_timeouts(run)
    print_notes(run)
    if interrupted:
        return 130
    return 0 if run.samples else 1


if __name__ == '__main__':
    sys.exit(main())
