#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What one of many costs: of 1, 10, 100 ... fibers, timers, waits for descriptors.

Each trial is a process of its own on core 0; repeats are interleaved.
"""
import argparse
import pathlib
import subprocess
import sys

import results

CORE = '0'
LIMIT = 300  # seconds that a trial may take
MOST_WAITS = 100_000
# What a trial measures, by what the program is told.
TRIALS = {
    'fibers': ['spin and first use of a new stack', 'spin and await, in batches', 'yield',
               'stop of a parked fiber', 'memory'],
    'timers': ['timeout block, entered and left beside the others',
               'reset of one of them, in random order'],
    'expiry': ['expiry of a timer, and its fiber runs'],
    'waits': ['wait for a descriptor, and a read'],
}
UNITS = {'memory': 'bytes, page tables too'}


def measure(options, trial, count):
    path = options.build / 'bench' / 'growth'
    done = subprocess.run(['taskset', '-c', CORE, str(path), trial, str(count)],
                          capture_output=True, text=True, timeout=LIMIT)
    if done.returncode:
        raise RuntimeError(f'{trial}, {count}: {done.stderr[-300:]}')
    said = (line.rsplit(': ', 1) for line in done.stdout.splitlines())
    return {row: float(value) for row, value in said}


def collect(options, samples):
    """Adds to `samples`, by row and count. Returns how many descriptors there were."""
    descriptors = {}
    for repeat in range(options.reps):
        for count in options.counts:
            for trial in TRIALS:
                if trial == 'waits' and count > MOST_WAITS:
                    continue
                found = measure(options, trial, count)
                if 'descriptors' in found:
                    descriptors[count] = int(found.pop('descriptors'))
                for row, value in found.items():
                    samples.setdefault((row, count), []).append(value)
        print(f'growth: repeat {repeat + 1} of {options.reps} done', file=sys.stderr)
    return descriptors


def make_table(options, samples, descriptors):
    columns = [results.Column(f'{count:,}', at=count) for count in options.counts]
    table = results.Table('growth', 'What one of many costs', 'ns CPU each', columns,
                          head='how many there are', plot='lines')
    for rows in TRIALS.values():
        for row in rows:
            cells = [samples.get((row, count), []) for count in options.counts]
            table.row(row, cells, unit=UNITS.get(row, ''))
    table.notes.append(
        f'{options.reps} repeats, each a process of its own. Timers expire in virtual time, in '
        'which nothing else takes any. Waits are fibers parked until an eventfd can be read, '
        'on io_uring; the write that wakes them is part of it.')
    table.notes += [f'As no more may be open, {count:,} fibers wait for {there:,} descriptors: '
                    'one write wakes several.'
                    for count, there in descriptors.items() if there < count]
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='up to 10,000, three times')
    parser.add_argument('--million', action='store_true', help='up to a million (some 5 GB)')
    parser.add_argument('--reps', type=int, help='repeats (5)')
    results.add_argument(parser)
    options = parser.parse_args()
    options.reps = options.reps or (3 if options.quick else 5)
    most = 6 if options.million else 4 if options.quick else 5
    options.counts = [10 ** power for power in range(most + 1)]
    return options


def main():
    options = parse()
    samples = {}
    descriptors = collect(options, samples)
    results.publish(make_table(options, samples, descriptors), options.tables)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f'growth: {error}')
