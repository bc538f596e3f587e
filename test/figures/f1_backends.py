#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F1: the whole suite on each backend. The same cases pass on all of them.

usage: f1_backends.py BUILD [--long]
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

SUITE = 'motet_tests-'
ENDED = re.compile(r'^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed',
                   re.MULTILINE)


def run(test):
    """Returns cases passed and failed, the seconds that took, and what was said."""
    start = time.monotonic()
    done = subprocess.run(test['cmd'], env={**os.environ, **test['env']}, text=True,
                          errors='replace', stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    found = ENDED.search(done.stdout)
    passed, failed = map(int, found.groups()[1:]) if found else (0, 1)
    return passed, max(failed, done.returncode != 0), time.monotonic() - start, done.stdout


def main():
    build, rounds = pathlib.Path(sys.argv[1]), 10 if '--long' in sys.argv else 1
    listed = json.loads((build / 'meson-info/intro-tests.json').read_text())
    suites = [test for test in listed if test['name'].startswith(SUITE)]
    good, told = True, []
    for test in suites:
        name = test['name'].removeprefix(SUITE)
        results = [run(test) for _ in range(rounds)]
        for passed, failed, _, output in results:
            if failed:
                good = False
                print('\n'.join(output.splitlines()[-60:]))
        slowest = max(seconds for _, _, seconds, _ in results)
        told.append(f'{name} {results[0][0]} in {slowest:.1f} s')
        good = good and len({result[0] for result in results}) == 1
    print(f'F1: the whole suite on {len(suites)} backends: {", ".join(told)}: '
          + ('all cases pass on all' if good else 'NOT all cases pass'))
    sys.exit(not good)


main()
