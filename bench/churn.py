#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a connection costs: connect, one echo of 64 bytes, close.

32 at a time, and each is reset by the load once the answer is there. What counts is the
CPU time of the server per connection. Prints a Markdown table.
"""
import sys

import results
import servers
from servers import Case, Sampling, Server

CASE = Case(64, 32, ('--churn',))
TARGET = 1.15  # of the best raw server
SERVERS = [
    servers.RAW_URING, servers.RAW_MULTISHOT, servers.RAW_DIRECT, servers.RAW_EPOLL,
    servers.LIBUV, servers.ASIO, servers.GO,
    Server('motet, recv_loop', servers.motet(), {CASE: TARGET}),
    Server('motet, read', servers.motet('--read'), {CASE: TARGET}),
]


class Churn:
    def __init__(self, options):
        self.sampling = Sampling(options)
        self.servers = servers.wanted(options, SERVERS)

    def collect(self):
        self.sampling.interleave([(server, CASE) for server in self.servers], 'churn')

    def tables(self):
        table = results.Table(
            'churn', 'Connect, one echo, close', 'CPU µs/connection', head='server',
            columns=[f'{CASE.conns} at a time', results.Column('connections/s', compared=False),
                     results.Column('of its core', compared=False)])
        for server in filter(self.sampling.has, self.servers):
            ratio = server.targets.get(CASE)
            table.row(server.name, [
                self.sampling.figure(server, CASE,
                                     target=ratio and results.at_most_ratio(ratio)),
                self.sampling.figure(server, CASE, 'rps'),
                self.sampling.figure(server, CASE, 'server_busy')], raw=server.raw)
        table.compare_with_best_raw()
        table.notes = self.sampling.notes()
        return [table]


def main():
    run = Churn(options := servers.parse(servers.parser(__doc__), 0.5, 0.2))
    return servers.run_and_publish(options, run.collect, run.tables)


if __name__ == '__main__':
    sys.exit(main())
