#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What operations cost inside one thread: motet, the least by hand, Boost.Fiber and Go.

Each trial is a process of its own on core 0. Repeats are interleaved, row by row.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import results

CORE = '0'
PEERS = {'Boost.Fiber': 'boost_micro', 'Go': 'go_micro'}
LIMIT = 120  # seconds that a trial may take
# Where the rows go: key, title, and the unit of what is plotted.
TABLES = {'micro': ('Inside one thread', 'ns'),
          'memory': ('Memory of parked fibers', 'bytes per fiber')}


def run(options, program, *arguments):
    path = options.build / 'bench' / program
    done = subprocess.run(['taskset', '-c', CORE, str(path), *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:] or f'exit {done.returncode}')
    return done.stdout


class Benchmark:
    """Rows that one trial measures, and all that was found for them."""

    def __init__(self, number, rows):
        self.number, self.rows, self.samples, self.failed = number, rows, {}, {}

    def keep(self, what, who, value):
        self.samples.setdefault((what, who), []).append(value)

    def attempt(self, who, action):
        if who in self.failed:
            return
        try:
            action()
        except (OSError, RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
            self.failed[who] = str(error)
            print(f"{self.rows[0]['what']}, {who}: {error}", file=sys.stderr)

    def measure_motet(self, options):
        found = json.loads(run(options, 'micro', '--trial', str(self.number),
                               *options.flags))
        for row, (value, limit) in zip(self.rows, found):
            self.keep(row['what'], 'motet', value)
            self.keep(row['what'], 'by hand', limit)

    def measure_peer(self, options, who, known):
        for row in self.rows:
            if row['what'] in known:
                value = float(run(options, PEERS[who], row['what'], *options.flags[:1]))
                self.keep(row['what'], who, value)

    def repeat(self, options, known):
        self.attempt('motet', lambda: self.measure_motet(options))
        for who in known:
            self.attempt(who, lambda: self.measure_peer(options, who, known[who]))


def find_benchmarks(options):
    rows = [json.loads(line) for line in run(options, 'micro', '--list',
                                             *options.flags).splitlines()]
    numbers = dict.fromkeys(row['benchmark'] for row in rows
                            if re.search(options.only, row['what']))
    return [Benchmark(n, [row for row in rows if row['benchmark'] == n]) for n in numbers]


def peers(options):
    """The rows that each peer has, if it is built."""
    known = {}
    for name, program in PEERS.items():
        try:
            known[name] = run(options, program, '--list').splitlines()
        except (OSError, RuntimeError) as error:
            print(f'Left out: {name}: {error}')
    return known


def make_table(key, benchmarks, known, note):
    title, unit = TABLES[key]
    everyone = ['motet', 'by hand', *known]
    columns = [*everyone, results.Column('by hand is', compared=False)]
    table = results.Table(key, title, unit, columns, plot='groups')
    for b in benchmarks:
        for row in b.rows:
            if (key == 'memory') != (row['unit'] == 'bytes'):
                continue
            cells = [b.samples.get((row['what'], who), []) for who in everyone]
            cells = [results.Figure([s for s in cell if s is not None]) for cell in cells]
            if row['target'] is not None:
                cells[0].target = results.at_most(row['target'])
            if not cells[0].values:
                cells[0] = f"failed: {b.failed.get('motet')}"
            own = row['unit'] if row['unit'] not in ('ns', 'bytes') else ''
            table.row(row['what'], cells + [row['limit']], unit=own)
    table.compare_columns(0, 1)
    table.notes.append(note)
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='fewer rounds per repeat')
    parser.add_argument('--only', default='', help='rows whose name matches this')
    parser.add_argument('--reps', type=int, default=5, help='repeats of each row (5)')
    parser.add_argument('--million', action='store_true',
                        help='also weigh 1,000,000 parked fibers (some 5 GB)')
    results.add_argument(parser)
    options = parser.parse_args()
    options.flags = ['--quick'] * options.quick + ['--million'] * options.million
    return options


def main():
    options = parse()
    benchmarks, known = find_benchmarks(options), peers(options)
    for b in benchmarks:
        for _ in range(options.reps):
            b.repeat(options, known)
        print(f"micro: {b.rows[0]['what']}", file=sys.stderr)
    note = (f'{options.reps} repeats, each a process of its own; CPU time. Rows of another '
            'unit say so, and are not plotted.')
    for key in TABLES:
        table = make_table(key, benchmarks, known, note)
        if table.rows:
            results.publish(table, options.tables)
    return 0 if not any('motet' in b.failed for b in benchmarks) else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (OSError, RuntimeError) as error:
        sys.exit(f'micro: {error}')
