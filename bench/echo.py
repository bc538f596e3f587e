#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Echo servers side by side: motet, by hand, and on other libraries; or motet and Go on
one thread and on two.

A closed loop: each connection sends a message when it has the answer to the last one.
What counts is the CPU time of the server. Prints Markdown tables.
"""
import re
import subprocess
import sys

import results
import servers
from servers import Case, Process, Sampling, Server

CASES = [Case(64, 50), Case(64, 500), Case(64, 5000), Case(4096, 50)]
QUICK_CASES = [Case(64, 50), Case(64, 500)]
FEW = Case(64, 50)  # where system calls are counted

# Ratios to the best raw server.
RECV_LOOP = dict(zip(CASES, (1.05, 1.05, 1.10, 1.05)))
READ = dict(zip(CASES, (1.05, 1.05, 1.20, 1.05)))
LIBEV = dict(zip(CASES, (1.20, 1.20, 1.40, 1.10)))
TIMEOUT_COST = 1.02
MEMORY_AT = 5000  # connections: with fewer, what all of them share weighs too much

SERVERS = [
    servers.RAW_URING, servers.RAW_MULTISHOT, servers.RAW_DIRECT, servers.RAW_EPOLL,
    servers.RAW_LIBEV, servers.LIBUV, servers.ASIO, servers.ASIO_SPAWN, servers.GO,
    Server('motet, recv_loop', servers.motet(), RECV_LOOP, kb=5.5, calls=0.05),
    Server('motet, read', servers.motet('--read'), READ, kb=9, calls=0.05),
    Server('motet on libev, recv_loop', ['motet_echo', '--backend', 'libev'], LIBEV,
           kb=5.5, calls=2.05),  # 2.0, rounded
]
LINKED = Server('raw io_uring, LINK_TIMEOUT', ['raw_uring_echo', '--linked'])

BOTH = f'{servers.SERVER_CORE},{servers.LOAD_CORE}'
ONE_THREAD = 'motet, 1 thread'
ON_THREADS = [
    Server(ONE_THREAD, ['motet_echo']),
    Server('motet, 2 threads', ['motet_echo', '--threads', '2'], cores=BOTH),
    Server('Go, GOMAXPROCS=1', ['go_echo'], env={'GOMAXPROCS': '1'}),
    Server('Go, GOMAXPROCS=2', ['go_echo'], env={'GOMAXPROCS': '2'}, cores=BOTH),
]


def with_timeout(server):
    return Server(f'{server.name}, timeout', [*server.command, '--timeout'],
                  env=server.env)


# --- System calls ---------------------------------------------------------------------

COUNT = ['perf', 'stat', '-x,', '-e', 'raw_syscalls:sys_enter']


def can_count():
    try:
        return subprocess.run(COUNT + ['true'], capture_output=True).returncode == 0
    except OSError:
        return False


def count_system_calls(options, server):
    """System calls per request, in runs of their own: counting them slows them down. The
    difference of a long and a short run, so that connecting is not among them."""
    calls, requests = 0, 0
    for sign, seconds in (-1, 0.05), (1, 0.4):
        with Process(server, options.build) as process:
            under = [*COUNT, '-p', str(process.child.pid), '--']
            result, said = servers.run_load(options, process, FEW, seconds, 0, under)
        found = re.search(r'^(\d+),.*raw_syscalls', said, re.M)
        if not found:
            print(f'perf: {said.strip()[-200:]}', file=sys.stderr)
            return None
        calls += sign * int(found[1])
        requests += sign * result['requests']
    return calls / requests if requests > 0 else None


# --- Tables ---------------------------------------------------------------------------

def target(value, make=results.at_most):
    return None if value is None else make(value)


class Comparison:
    """Servers with and without a timeout."""

    def __init__(self, options):
        self.options = options
        self.sampling = Sampling(options)
        self.servers = servers.wanted(options, SERVERS)
        timed = [(s, with_timeout(s)) for s in self.servers if s != servers.RAW_DIRECT]
        if servers.RAW_URING in self.servers:
            timed.insert(1, (servers.RAW_URING, LINKED))
        self.timed = [] if options.no_timeouts else timed
        # Idle timeouts say nothing new with large messages, or with thousands.
        few = [case for case in options.cases if case.size == 64 and case.conns <= 500]
        self.timed_cases = few[:1] if options.quick else few
        self.calls = {}

    def collect(self):
        self.sampling.interleave([*self.pairs()], 'echo')
        if not can_count():
            print('perf cannot count system calls here', file=sys.stderr)
            return
        for server in self.servers:
            calls = self.sampling.attempt(server, count_system_calls)
            self.calls[server.name] = [calls]

    def pairs(self):
        """A server with a timeout right after the same without: they are compared."""
        for case in self.options.cases:
            for server in self.servers:
                yield server, case
                if case in self.timed_cases:
                    yield from ((timed, case) for without, timed in self.timed
                                if without == server)

    def tables(self):
        return [self.cpu_table(), self.rate_table(), self.timeout_table()]

    def rows(self):
        return [s for s in self.servers if self.sampling.has(s)]

    def cpu_table(self):
        cases = self.options.cases
        most = max(cases, key=lambda case: case.conns)
        table = results.Table(
            'echo', 'Echo over TCP', 'CPU µs/request', head='server',
            columns=[case.text for case in cases] + [
                results.Column('system calls per request', compared=False),
                results.Column(f'kB per connection of {most.conns:,}', compared=False)])
        for server in self.rows():
            cells = [self.sampling.figure(server, case, target=target(
                        server.targets.get(case), results.at_most_ratio))
                     for case in cases]
            cells.append(results.Figure(self.calls.get(server.name, []),
                                        target(server.calls)))
            kb = server.kb if most.conns == MEMORY_AT else None
            cells.append(self.sampling.figure(server, most, 'kb_per_conn', target(kb)))
            table.row(server.name, cells, raw=server.raw)
        table.compare_with_best_raw()
        table.notes = self.sampling.notes()
        return table

    def rate_table(self):
        table = results.Table(
            'echo_rate', 'Echo over TCP: how often', 'requests/s', head='server',
            columns=[case.text for case in self.options.cases], plot='none')
        for server in self.rows():
            table.row(server.name, [self.sampling.figure(server, case, 'rps')
                                    for case in self.options.cases], raw=server.raw)
        return table

    def timeout_table(self):
        table = results.Table(
            'echo_timeout', 'A 60 s idle timeout, started anew by each message',
            'CPU µs/request', head='server',
            columns=[case.text for case in self.timed_cases] + [
                results.Column(f'to itself without, {case.conns:,} connections',
                               compared=False) for case in self.timed_cases])
        for without, server in self.timed:
            if not self.sampling.has(server):
                continue
            cells = [self.sampling.figure(server, case) for case in self.timed_cases]
            cost = TIMEOUT_COST if 'motet' in server.name else None
            cells += [results.Figure(self.cost(without, server, case), target(cost))
                      for case in self.timed_cases]
            table.row(server.name, cells, raw=server.raw)
        table.compare_with_best_raw()
        return table

    def cost(self, without, server, case):
        """Repeat by repeat: what drifts, drifts in both."""
        pairs = zip(self.sampling.samples(server, case),
                    self.sampling.samples(without, case))
        return [a / b if a and b else None for a, b in pairs]


class Threads:
    """motet on one thread and on two, and Go."""

    def __init__(self, options):
        self.cases = [case for case in options.cases if case.size == 64]
        self.sampling = Sampling(options)
        self.servers = servers.wanted(options, ON_THREADS)

    def collect(self):
        self.sampling.interleave(
            [(server, case) for case in self.cases for server in self.servers], 'echo')

    def tables(self):
        table = results.Table(
            'echo_threads', 'Echo over TCP, on one thread and on two', 'CPU µs/request',
            head='server', columns=[case.text for case in self.cases] + [
                results.Column(f'{case.conns:,} connections', 'requests/s')
                for case in self.cases])
        for server in filter(self.sampling.has, self.servers):
            table.row(server.name, [self.sampling.figure(server, case, key)
                                    for key in ('cpu_us_per_request', 'rps')
                                    for case in self.cases])
        table.compare_with_row(ONE_THREAD)
        table.notes = self.sampling.notes() + [
            'Servers of two threads had both cores, and shared one with the load: their '
            'requests per second are those of both together, and none of their runs '
            'counts as disturbed. CPU time is that of the server alone.']
        return [table]


def numbers(text):
    return [int(word) for word in text.split(',')]


def parse():
    parser = servers.parser(__doc__)
    parser.add_argument('--conns', type=numbers, help='connections, as in 50,500')
    parser.add_argument('--sizes', type=numbers, help='bytes of a message, as in 64,4096')
    parser.add_argument('--no-timeouts', action='store_true')
    parser.add_argument('--threads', action='store_true',
                        help='motet on one thread and on two, and Go, in place of all')
    options = servers.parse(parser, 0.5, 0.2)
    options.cases = QUICK_CASES if options.quick else CASES
    if options.conns or options.sizes:
        options.cases = [Case(size, conns) for size in options.sizes or [64]
                         for conns in options.conns or [50, 500, 5000]]
    elif options.threads:
        options.cases = QUICK_CASES
    return options


def main():
    options = parse()
    servers.raise_descriptor_limit(max(case.conns for case in options.cases))
    run = (Threads if options.threads else Comparison)(options)
    return servers.run_and_publish(options, run.collect, run.tables)


if __name__ == '__main__':
    sys.exit(main())
