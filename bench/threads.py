#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages between two threads: motet, a std::mutex and condition variables, and Go.

Every program is run once, then each again. Prints a Markdown table.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import results

BASE = 'std::mutex, std::condition_variable'
PROGRAMS = {
    BASE: ['std_threads'],
    'motet, channels': ['motet_threads', 'channel'],
    'motet, messages to fibers': ['motet_threads', 'messages'],
    'Go channels': ['go_threads', 'free'],
    'Go channels, each goroutine locked to a thread': ['go_threads', 'locked'],
}
COLUMNS = {'round_trip_ns': 'there and back', 'one_way_ns': 'one way, each'}


def measure(options, command):
    path = options.build / 'bench' / command[0]
    if not path.exists():
        raise RuntimeError(f'{path.name} is not built')
    done = subprocess.run(
        [str(path)] + command[1:] + [str(options.rounds), str(options.messages)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:] or f'exit {done.returncode}')
    return json.loads(done.stdout)


def collect(options):
    samples, failures = {name: [] for name in PROGRAMS}, {}
    for repeat in range(options.reps):
        for name, command in PROGRAMS.items():
            if name in failures:
                continue
            try:
                samples[name].append(measure(options, command))
            except (OSError, RuntimeError, ValueError,
                    subprocess.TimeoutExpired) as error:
                failures[name] = str(error)
                print(f'{name}: {error}', file=sys.stderr)
        print(f'threads: repeat {repeat + 1} of {options.reps} done', file=sys.stderr)
    return samples, failures


def make_table(options, samples, failures):
    table = results.Table('threads', 'Messages between two threads', 'ns',
                          [*COLUMNS.values()], head='between')
    for name, runs in samples.items():
        if runs:
            table.row(name, [[run[key] for run in runs] for key in COLUMNS],
                      raw=name == BASE)
    table.compare_with_row(BASE)
    table.compared_with = 'the first'
    table.notes.append(
        f'{options.reps} interleaved repeats, each of {options.rounds:,} rounds and '
        f'{options.messages:,} messages; wall clock. The kernel chooses the cores.')
    table.notes += [f'Left out: {name}: {why}' for name, why in failures.items()]
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--reps', type=int, default=5, help='interleaved repeats (5)')
    parser.add_argument('--rounds', type=int, help='there and back (100,000)')
    parser.add_argument('--messages', type=int, help='one way (1,000,000)')
    results.add_argument(parser)
    options = parser.parse_args()
    usual = (20_000, 200_000) if options.quick else (100_000, 1_000_000)
    options.rounds = options.rounds or usual[0]
    options.messages = options.messages or usual[1]
    if options.reps < 1:
        parser.error('--reps wants a number from 1')
    return options


def main():
    options = parse()
    samples, failures = collect(options)
    results.publish(make_table(options, samples, failures), options.tables)
    return 0 if samples[BASE] else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
