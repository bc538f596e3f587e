#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F16: every test leaves what it found: descriptors, threads, fibers, operations, stacks,
timers, messages, heap. The tests look themselves (test/support/conservation.cpp); here is
what they say together.

usage: f16_conserved.py BUILD [--long]
"""
import json
import os
import pathlib
import re
import subprocess
import sys

# With --long, all programs that look; otherwise the suite, once per backend.
SUITE, ALL = ('motet_tests',), ('motet_tests', 'core_tests', 'context_tests',
                                'contract_tests', 'kernel_tests')
LINE = re.compile(r'^F16: (\d+) cases, (all counts equal before and after)?', re.MULTILINE)


def main():
    build, names = pathlib.Path(sys.argv[1]), ALL if '--long' in sys.argv else SUITE
    listed = json.loads((build / 'meson-info/intro-tests.json').read_text())
    cases, runs, good = 0, 0, True
    for test in listed:
        if not test['name'].startswith(names):
            continue
        done = subprocess.run(test['cmd'], env={**os.environ, **test['env']}, text=True,
                              errors='replace', stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=600)
        found = LINE.search(done.stdout)
        runs += 1
        cases += int(found[1]) if found else 0
        if not found or not found[2] or done.returncode != 0:
            good = False
            print(test['name'], *done.stdout.splitlines()[-60:], sep='\n')
    print(f'F16: {cases:,} cases in {runs} runs, '
          + ('all counts equal before and after' if good else 'NOT all as they should be'))
    sys.exit(not good)


main()
