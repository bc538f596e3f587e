#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests of a build directory and counts doctest's test cases.

The table of tests is Meson's: names, environments and time limits come from
test/meson.build. Here is only what `meson test` does not do: count cases, not programs.
"""
import argparse
import concurrent.futures
import ctypes
import fnmatch
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

SUMMARY = re.compile(
    r'^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped',
    re.MULTILINE)
# What scripts that check several things end with.
COUNTED = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.MULTILINE)
SKIPPED = 77  # an exit code, as in Meson and Automake


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='build directory')
    parser.add_argument('names', nargs='*', default=['*'],
                        help='tests to run, as patterns (default: all)')
    parser.add_argument('--doctest', action='append', default=[], metavar='OPTION',
                        help="pass on to doctest, as --doctest=--test-case='*stop*'")
    parser.add_argument('--wrapper', default='', help='command that runs the programs')
    parser.add_argument('--slow', type=float, default=1, help='factor on time limits')
    parser.add_argument('--counts', type=pathlib.Path,
                        help='file to write "passed failed skipped" to')
    return parser.parse_intermixed_args()


def kernel_refuses_uring():
    """Why io_uring_setup(2) fails here, or None: forbidden, or no memory may be locked."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(425, 1, ctypes.create_string_buffer(120))
    if fd >= 0:
        os.close(fd)
        return None
    return os.strerror(ctypes.get_errno())


def run(command, env, seconds):
    """Returns exit code and output; the code is None if time ran out."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        # Asked like this, doctest says which test case it was in.
        os.kill(process.pid, signal.SIGABRT)
        try:
            output, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        return None, output
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what a crashed test left behind
        except ProcessLookupError:
            pass


def of_doctest(test):
    return not {'motet:source', 'motet:figure', 'motet:client'} & set(test['suite'])


def judge(test, code, output, options):
    """Returns passed, failed, skipped and, if something is wrong, what."""
    if code == SKIPPED:
        return 0, 0, 1, None
    wrong = None
    if code is None:
        wrong = f'ran out of time ({test["timeout"] * options.slow:.0f} s)'
    elif code < 0:
        wrong = f'killed by {signal.Signals(-code).name}'
    elif code > 0:
        wrong = f'exit code {code}'
    found = SUMMARY.search(output)
    if found is None:
        if counted := COUNTED.search(output):
            passed, failed, skipped = (int(n or 0) for n in counted.groups())
            return passed, max(failed, wrong is not None), skipped, wrong
        if of_doctest(test) and wrong is None:
            wrong = "ended before doctest's summary"
        return (0, 1, 0, wrong) if wrong else (1, 0, 0, None)
    total, passed, failed, skipped = map(int, found.groups())
    if total == 0 and wrong is None:
        wrong = 'no test case to run'
    if wrong and failed == 0:
        failed = 1
    return passed, failed, 0 if options.doctest else skipped, wrong


def run_test(test, options, no_uring):
    start = time.monotonic()
    if no_uring and 'motet:uring' in test['suite']:
        result, output = (0, 0, 1, None), f'io_uring: {no_uring}'
    else:
        command, env = test['cmd'], {**os.environ, **test['env']}
        if of_doctest(test):
            command = options.wrapper.split() + command + options.doctest
        if 'MOTET_BACKEND' not in test['env']:
            env.pop('MOTET_BACKEND', None)
        code, output = run(command, env, test['timeout'] * options.slow)
        result = judge(test, code, output, options)
    report(test['name'], result, output, time.monotonic() - start)
    return result[:3]


def report(name, result, output, seconds):
    passed, failed, skipped, wrong = result
    verdict = 'FAILED' if failed else 'ok'
    print(f'  {verdict:6} {name:24} {passed:4} passed'
          + (f' {failed:4} failed' if failed else '')
          + (f' {skipped:4} skipped' if skipped else '')
          + f'  {seconds:6.1f} s' + (f'  {wrong}' if wrong else ''), flush=True)
    for line in re.findall(r'^(?:F\d+|skipped|budget): .*', output, re.MULTILINE):
        print(f'    {line}', flush=True)
    if failed or (skipped and not passed):
        print(''.join(f'    | {line}\n' for line in output.splitlines()[-200:]), end='',
              flush=True)


def main():
    options = arguments()
    listed = json.loads((options.build / 'meson-info/intro-tests.json').read_text())
    tests = [test for test in listed
             if any(fnmatch.fnmatch(test['name'], name) for name in options.names)]
    no_uring = kernel_refuses_uring()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda test: run_test(test, options, no_uring),
                                [test for test in tests if test['is_parallel']]))
    results += [run_test(test, options, no_uring)
                for test in tests if not test['is_parallel']]
    passed, failed, skipped = map(sum, zip(*results)) if results else (0, 0, 0)
    if options.counts:
        options.counts.write_text(f'{passed} {failed} {skipped}\n')
    sys.exit(failed > 0)


main()
