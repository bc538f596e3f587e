#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the programs beside it compile without a warning, by each of the compilers
that are there.

usage: compile.py ROOT COMPILER...
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
FLAGS = ['-std=c++20', '-fsyntax-only', '-Werror', '-Wall', '-Wextra', '-Wpedantic',
         '-Wconversion', '-Wshadow', '-I', str(ROOT / 'include')]
compilers = [c for c in sys.argv[2:] if shutil.which(c)]


def compiles(work):
    compiler, program = work
    done = subprocess.run([compiler, *FLAGS, program], text=True, capture_output=True)
    if done.returncode != 0:
        print(f'{program.name}: not by {compiler}\n{done.stderr}', flush=True)
    return done.returncode == 0


programs = sorted((ROOT / 'test/tour').glob('*.cpp'))
work = [(compiler, program) for compiler in compilers for program in programs]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    good = list(pool.map(compiles, work))
print(f'{sum(good)} of {len(good)} compile, by {" and ".join(compilers) or "nobody"}')
sys.exit(not good or not all(good))
