#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F7: where io_uring is refused, or lacks a part, all tests end as they do elsewhere.

usage: f7_refused.py BUILD_DIR [--long]

Refused: by a seccomp filter with EPERM, ENOSYS and ENOMEM, and to an ordinary user whose
limit of locked memory is 0. There programs run on libev and say so in exactly one line,
with the reason. Masked: each operation of io_uring that can be done without, and all of
them at once. There programs stay on io_uring and say nothing. --long runs all tests of
the suite, not only some.
"""
import concurrent.futures
import errno
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve() / 'test'
LONG = '--long' in sys.argv[2:]
PROGRAMS = ['motet_tests', 'kernel_tests'] if LONG else ['motet_tests']
SOME = '--source-file=*/basics_test.cpp,*/tcp_*.cpp,*/timeout_test.cpp,*/race_test.cpp,' \
       '*/scope_cancel_test.cpp,*/mailbox_test.cpp,*/shield_test.cpp'
OPERATIONS = ('accept', 'connect', 'recv', 'send', 'sendmsg', 'read', 'write')
SKIPPED = 77
SECONDS = 900 if LONG else 60

SUMMARY = re.compile(r'^\[doctest\] test cases: +\d+ \| +(\d+) passed \| +(\d+) failed',
                     re.MULTILINE)
LINE = re.compile(r'^motet: running on .*$', re.MULTILINE)


class Run:
    """A program's tests, run once."""

    def __init__(self, program, launcher=(), folder=BUILD, cwd=None, **environment):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith('MOTET_')}
        command = [*launcher, folder / program] + ([] if LONG else [SOME])
        process = subprocess.Popen(command, env={**clean, 'LC_ALL': 'C', **environment},
                                   cwd=cwd, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors='replace')
        try:
            output, said = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            # Asked like this, doctest says which test case it was in.
            process.send_signal(signal.SIGABRT)
            output, said = process.communicate()
        self.output = output + said
        found = SUMMARY.search(output)
        self.passed, self.failed = map(int, found.groups()) if found else (0, 1)
        self.lines = LINE.findall(said)


def refuse(*options):
    return [BUILD / 'refuse', *options, '--']


def compare(what, run, wanted, *words):
    """What is wrong with a run that should end as `wanted` and say one line with `words`,
    or none if there are none."""
    if run.failed or run.passed != wanted.passed:
        return (f'{what}: {run.passed} passed, {run.failed} failed; elsewhere '
                f'{wanted.passed} passed\n{run.output[-5000:]}')
    if len(run.lines) != bool(words) or not all(w in run.lines[0] for w in words):
        return f'{what}: wanted {f"a line with {words}" if words else "no line"}: {run.lines}'
    return None


def refused(elsewhere, program, name):
    run = Run(program, refuse('--errno', name))
    return compare(name, run, elsewhere['libev', program], 'libev', 'io_uring_setup',
                   os.strerror(getattr(errno, name)))


def as_nobody(elsewhere, program):
    """No locked memory for an ordinary user. Whether rings count is up to the kernel."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # tests make files where they are
        shutil.copy(BUILD / program, folder)  # from where nobody may not look
        run = Run(program, refuse('--memlock', '0', '--nobody'), pathlib.Path(folder),
                  cwd=folder, PATH='/usr/bin:/bin')
    if run.lines:
        return compare('memlock 0', run, elsewhere['libev', program], 'libev',
                       'Cannot allocate memory', 'ulimit -l')
    return compare('memlock 0', run, elsewhere['uring', program])


def masked(elsewhere, program, operations):
    run = Run(program, MOTET_BACKEND='uring', MOTET_URING_WITHOUT=operations)
    return compare(f'without {operations}', run, elsewhere['uring', program])


def attempts(elsewhere, with_uring):
    """All that is to be tried, as functions that say what was wrong."""
    for program in PROGRAMS:
        for name in 'EPERM', 'ENOSYS', 'ENOMEM':
            yield refused, elsewhere, program, name
        if with_uring:
            yield as_nobody, elsewhere, program
            for operations in *OPERATIONS, ','.join(OPERATIONS):
                yield masked, elsewhere, program, operations


def main():
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        keys = [(backend, program) for backend in ('libev', 'uring')
                for program in PROGRAMS]
        elsewhere = dict(zip(keys, pool.map(
            lambda key: Run(key[1], MOTET_BACKEND=key[0]), keys)))
        missing = {backend for (backend, _), run in elsewhere.items()
                   if 'MOTET_BACKEND asks for' in run.output}
        if 'libev' in missing:
            print('F7: not run: there is no libev to fall back to')
            sys.exit(SKIPPED)
        work = [pool.submit(*attempt) for attempt in attempts(elsewhere, not missing)]
        wrong = [job.result() for job in work]
    wrong += [f'{program} on {backend}: {run.failed} failed\n{run.output[-5000:]}'
              for (backend, program), run in elsewhere.items()
              if run.failed and backend not in missing]
    complaints = [each for each in wrong if each]
    cases = sum(elsewhere['libev', program].passed for program in PROGRAMS)
    masks = len(OPERATIONS) + 1
    how = 'refused 3 ways' if missing else f'refused 4 ways, and with {masks} masks'
    print('\n'.join(complaints + [
        f'F7: io_uring {how}, {cases} cases each: {len(wrong) - len(complaints)} of '
        f'{len(wrong)} runs end as elsewhere ({time.monotonic() - start:.1f} s)']))
    sys.exit(bool(complaints))


main()
