#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Latency of echo in an open loop, at half of what the raw server can do at most.

First the raw server's rate in a closed loop; then all servers at half of that rate. The
load sends 64 bytes on one of 50 connections whenever it is time, whatever answers take,
and counts latency from the time the message was due: no omission is coordinated with a
slow server. Prints a Markdown table.
"""
import statistics
import sys

import results
import servers
from servers import Case, Sampling, Server

CONNECTIONS = 50
PART = 0.5  # of the raw server's rate
SERVERS = [
    servers.RAW_URING,
    Server('motet, recv_loop', servers.motet()),
    Server('motet, read', servers.motet('--read')),
    servers.GO,
]


class Latency:
    def __init__(self, options):
        self.options = options
        self.sampling = Sampling(options)
        self.servers = servers.wanted(options, SERVERS)
        self.saturation = None
        self.case = None

    def collect(self):
        closed = Case(64, CONNECTIONS)
        found = [self.sampling.attempt(servers.RAW_URING, servers.measure, closed)
                 for _ in range(3)]
        if not all(found):
            return  # attempt() has said why
        self.saturation = statistics.median(result['rps'] for result in found)
        rate = round(PART * self.saturation)
        self.case = Case(64, CONNECTIONS, ('--rate', str(rate)))
        self.sampling.interleave([(server, self.case) for server in self.servers],
                                 'latency')

    def tables(self):
        if not self.saturation:
            return []
        keys = {'median': 'p50_us', '99 %': 'p99_us', '99.9 %': 'p999_us',
                'highest': 'max_us'}
        table = results.Table(
            'latency', f'Latency of echo at {PART:.0%} of the raw server\'s rate', 'µs',
            head='server', columns=[*keys] + [
                results.Column('CPU', 'µs/request', compared=False),
                results.Column('sent late, 99 %', compared=False)])
        for server in filter(self.sampling.has, self.servers):
            table.row(server.name, [
                self.sampling.figure(server, self.case, key) for key in
                (*keys.values(), 'cpu_us_per_request', 'late_p99_us')], raw=server.raw)
        table.compare_with_best_raw()
        table.notes = [
            f'Open loop: {PART * self.saturation:,.0f} messages of 64 bytes per second on '
            f'{CONNECTIONS} connections, latency from the time each was due; '
            f'{servers.RAW_URING.name} served {self.saturation:,.0f} per second in a '
            'closed loop. The load never sleeps; how late it was itself is in the last '
            'column.'] + self.sampling.notes()
        return [table]


def main():
    run = Latency(options := servers.parse(servers.parser(__doc__), 2.0, 0.5))
    return servers.run_and_publish(options, run.collect, run.tables)


if __name__ == '__main__':
    sys.exit(main())
