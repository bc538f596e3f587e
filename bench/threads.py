#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages between two threads: motet, a std::mutex and condition variables, and Go.

Every program is run once, then each again. Prints a Markdown table.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

BASE = 'std::mutex, std::condition_variable'
PROGRAMS = {
    BASE: ['std_threads'],
    'motet, channels': ['motet_threads', 'channel'],
    'motet, messages to fibers': ['motet_threads', 'messages'],
    'Go channels': ['go_threads', 'free'],
    'Go channels, each goroutine locked to a thread': ['go_threads', 'locked'],
}
COLUMNS = {'round_trip_ns': 'there and back, ns', 'one_way_ns': 'one way, ns per message'}


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


def cells(samples, base, key):
    """The median, the range and the ratio of the medians."""
    values = [s[key] for s in samples]
    middle = statistics.median(values)
    ratio = '–'
    if base:
        ratio = f'{middle / statistics.median(s[key] for s in base):.2f}'
    return f'{middle:,.0f} [{min(values):,.0f}–{max(values):,.0f}] | {ratio}'


def print_table(samples, base):
    titles = ' | '.join(f'{title} | to the first' for title in COLUMNS.values())
    print(f'| | {titles} |')
    print('|---|' + '---|---|' * len(COLUMNS))
    for name, results in samples.items():
        if results:
            row = ' | '.join(cells(results, base, key) for key in COLUMNS)
            print(f'| {name} | {row} |')


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--reps', type=int, default=5, help='interleaved repeats (5)')
    parser.add_argument('--rounds', type=int, help='there and back (100,000)')
    parser.add_argument('--messages', type=int, help='one way (1,000,000)')
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
    print_table(samples, samples[BASE])
    print(f'\n{options.reps} interleaved repeats, each of {options.rounds:,} rounds and '
          f'{options.messages:,} messages; wall clock; median [lowest–highest]. The '
          f'kernel chooses the cores.')
    for name, why in failures.items():
        print(f'\nLeft out: {name}: {why}')
    return 0 if samples[BASE] else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
