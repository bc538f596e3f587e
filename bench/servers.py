# SPDX-License-Identifier: MIT
"""The echo servers, how they are started and put under load, and what was measured.

Every server runs alone on core 0, the load on core 1. Repeats are interleaved, so that
a slow minute of the machine hits all servers alike.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import select
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

import results

SERVER_CORE, LOAD_CORE = '0', '1'
START_SECONDS = 5
DISTURBED = 0.05  # part of the window spent waiting for a core


@dataclass
class Server:
    name: str
    command: list
    targets: dict = field(default_factory=dict)  # of ratios, by case
    kb: float = None     # the most memory per connection
    calls: float = None  # the most system calls per request
    env: dict = field(default_factory=dict)
    cores: str = SERVER_CORE

    @property
    def raw(self):
        return self.name.startswith('raw')

    @property
    def beside_load(self):
        """Whether it may run on the core of the load, too."""
        return LOAD_CORE in self.cores


@dataclass(frozen=True)
class Case:
    """What the load asks for."""
    size: int = 64
    conns: int = 50
    flags: tuple = ()

    @property
    def text(self):
        return f'{self.size:,} B, {self.conns:,} connections'


def motet(*flags):
    return ['motet_echo', '--backend', 'uring', *flags]


RAW_URING = Server('raw io_uring', ['raw_uring_echo'])
RAW_MULTISHOT = Server('raw io_uring, multishot', ['raw_uring_echo', '--multishot'])
RAW_DIRECT = Server('raw io_uring, multishot, direct',
                    ['raw_uring_echo', '--multishot', '--direct'])
RAW_EPOLL = Server('raw epoll', ['raw_epoll_echo'])
RAW_LIBEV = Server('raw libev', ['raw_libev_echo'])
LIBUV = Server('libuv', ['uv_echo'])
ASIO = Server('Asio, callbacks', ['asio_echo'])
ASIO_SPAWN = Server('Asio, spawn', ['asio_spawn_echo'])
GO = Server('Go', ['go_echo'], env={'GOMAXPROCS': '1'})


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


def run_load(options, process, case, seconds, warm, under=()):
    """The load's own line, as a dictionary, and what else was said. It ends by itself: its
    time is bounded."""
    done = subprocess.run(
        [*under, 'taskset', '-c', LOAD_CORE, str(options.build / 'bench' / 'load'),
         '--port', process.port, '--conns', str(case.conns), '--size', str(case.size),
         '--seconds', str(seconds), '--warm', str(warm),
         '--server', str(process.child.pid), *case.flags],
        capture_output=True, text=True, timeout=120)
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
    return (not result['beside_load']
            and max(result['server_waited'], result['load_waited']) > DISTURBED)


def measure(options, server, case):
    """One run; again if it was disturbed, and the least disturbed of them counts."""
    found = []
    for _ in range(1 + options.retries):
        with Process(server, options.build) as process:
            result, _ = run_load(options, process, case, options.seconds, options.warm)
        found.append({**result, 'beside_load': server.beside_load})
        if not disturbed(found[-1]):
            break
    return min(found, key=lambda r: r['server_waited'] + r['load_waited'])


class Sampling:
    """What was measured, by server and case; each repeat has its place."""

    def __init__(self, options):
        self.options = options
        self.found = {}     # (name, case) -> repeat -> result
        self.failures = {}  # name -> why

    def attempt(self, server, action, *arguments):
        """None if that fails. A server that failed once is left alone."""
        if server.name in self.failures:
            return None
        try:
            return action(self.options, server, *arguments)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            self.failures[server.name] = str(error)
            print(f'{server.name}: {error}', file=sys.stderr)
            return None

    def interleave(self, pairs, what):
        """Each server in each case, then each again."""
        for repeat in range(self.options.reps):
            for server, case in pairs:
                if result := self.attempt(server, measure, case):
                    self.found.setdefault((server.name, case), {})[repeat] = result
            print(f'{what}: repeat {repeat + 1} of {self.options.reps} done',
                  file=sys.stderr)

    def samples(self, server, case, key='cpu_us_per_request'):
        """By repeat; None where it was disturbed, unless all were."""
        found = self.found.get((server.name, case), {})
        counting = {n: r for n, r in found.items() if not disturbed(r)} or found
        return [counting[n][key] if n in counting else None
                for n in range(self.options.reps)]

    def figure(self, server, case, key='cpu_us_per_request', target=None):
        return results.Figure(self.samples(server, case, key), target)

    def has(self, server):
        return any(name == server.name for name, _ in self.found)

    def notes(self):
        everything = [r for found in self.found.values() for r in found.values()]
        if not everything:
            return []
        busy = statistics.median(r['load_busy'] for r in everything)
        options = self.options
        notes = [
            f'{options.reps} interleaved repeats of {options.seconds} s after '
            f'{options.warm} s of warm-up; median [lowest–highest]. The load used '
            f'{busy:.2f} of its core (median). Other processes took more than '
            f'{DISTURBED:.0%} of a core in {sum(map(disturbed, everything))} of '
            f'{len(everything)} runs; those count only where there are no others.']
        for reason in sorted(set(self.failures.values())):
            names = [name for name, why in self.failures.items() if why == reason]
            notes.append(f'Left out: {"; ".join(names)}: {reason}')
        return notes


# --- What the scripts share -----------------------------------------------------------

def parser(doc):
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument('build', type=pathlib.Path, help='the build directory')
    made.add_argument('--quick', action='store_true', help='a first impression')
    made.add_argument('--reps', type=int, help='interleaved repeats (5)')
    made.add_argument('--seconds', type=float, help='measured time of a run')
    made.add_argument('--warm', type=float, help='time before it')
    made.add_argument('--retries', type=int, default=3,
                      help='how often a disturbed run is done again (3)')
    made.add_argument('--only', default='', help='servers whose name matches this')
    results.add_argument(made)
    return made


def parse(made, seconds, quick_seconds):
    options = made.parse_args()
    if options.reps is None:
        options.reps = 3 if options.quick else 5
    if options.seconds is None:
        options.seconds = quick_seconds if options.quick else seconds
    if options.warm is None:
        options.warm = 0.1 if options.quick else 0.15
    return options


def wanted(options, servers):
    return [s for s in servers if re.search(options.only, s.name)]


def raise_descriptor_limit(connections):
    """Servers and load inherit it."""
    wanted_now = connections + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted_now:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted_now, max(hard, wanted_now)))


def _interrupt(*_):
    raise KeyboardInterrupt


def run_and_publish(options, collect, tables):
    """`collect()`, then `tables()` of what there is so far, even if interrupted. Returns
    the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell's background jobs ignore it
    code = 0
    try:
        collect()
    except KeyboardInterrupt:
        code = 130
        print('interrupted: what there is so far', file=sys.stderr)
    made = [table for table in tables() if table.rows]
    for table in made:
        results.publish(table, options.tables)
    return code if made else code or 1
