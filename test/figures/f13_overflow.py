#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F13: a stack that overflows by recursion, and by one huge frame: SIGSEGV, and a message
that names the fiber and where it was spun. The stack beside it is as it was.

usage: f13_overflow.py BUILD [--long]
"""
import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1]) / 'test'
# Of the switch alone, where the neighbour is looked at, and of fibers on each backend.
RUNS = [('context_tests', 'recursion without end*,one huge frame*,a frame of 36*', '')]
RUNS += [('kernel_tests', 'F13:*', backend) for backend in ('uring', 'libev')]
ENDED = re.compile(r'^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +0 failed',
                   re.MULTILINE)


def main():
    cases, wrong = 0, False
    for program, names, backend in RUNS:
        environment = {**os.environ, **({'MOTET_BACKEND': backend} if backend else {})}
        done = subprocess.run([BUILD / program, f'--test-case={names}'], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', timeout=100)
        found = ENDED.search(done.stdout)
        if 'MOTET_BACKEND asks for' in done.stdout:
            continue  # it is not here
        if not found or int(found[1]) != 3 or done.returncode != 0:
            wrong = True
            print(done.stdout[-5000:])
        cases += int(found[1]) if found else 0
    print(f'F13: {cases} overflows, by recursion and by one huge frame: '
          + ('NOT all as they should be' if wrong else
             'each names its fiber and where that was spun, and spares the neighbour'))
    sys.exit(wrong)


main()
