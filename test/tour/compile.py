#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the programs beside it compile without a warning, by each of the compilers
that are there.

usage: compile.py ROOT PROGRAM...
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
COMPILERS = [c for c in ('g++', 'clang++') if shutil.which(c)]
PROGRAMS = [pathlib.Path(program) for program in sys.argv[2:]]


def compiles(work):
    compiler, program = work
    done = subprocess.run([compiler, *FLAGS, program], text=True, capture_output=True)
    if done.returncode != 0:
        print(f'{program.name}: not by {compiler}\n{done.stderr}', flush=True)
    return done.returncode == 0


work = [(compiler, program) for compiler in COMPILERS for program in PROGRAMS]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    good = list(pool.map(compiles, work))
print(f'{sum(good)} of {len(good)} compile, by {" and ".join(COMPILERS) or "nobody"}')
sys.exit(not good or not all(good))
