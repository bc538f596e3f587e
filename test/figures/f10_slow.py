#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""F10: slowhttptest in its three modes while wrk is served: slow heads, slow bodies, slow
readers. wrk sees no error; the slow ones are cut at their deadlines.

usage: f10_slow.py BUILD [--long | --short]
"""
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'clients'))
import support  # noqa: E402

SHORT, LONG = '--short' in sys.argv, '--long' in sys.argv
DEADLINE = 30 if LONG else 1 if SHORT else 3
SLOW, BUSY = 200 if SHORT else 1000, 20
# What is sent at a time gets a second more, for its 16 KiB.
MODES = {
    'heads': (0, ['-H'], '/'),
    'bodies': (0, ['-B', '-s', 8192, '-x', 10], '/echo'),
    'readers': (1, ['-X', '-w', 512, '-y', 1024, '-n', 1, '-z', 32],
                '/stream?lines=1000000&ms=0'),
}


def attack(server, mode, others):
    """@returns how long the slow ones of a mode were there."""
    extra, options, path = MODES[mode]
    program = support.require('slowhttptest')
    command = [program, '-c', SLOW, '-r', 4 * SLOW, '-i', 1, '-l', DEADLINE + 15, '-p', 5,
               '-u', server.url(path), *options]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL) as client:
        try:
            support.wait_until(lambda: server.descriptors() >= others + SLOW,
                               f'all slow {mode} are there')
            start = time.monotonic()
            support.wait_until(lambda: server.descriptors() < others + SLOW,
                               f'the first of the slow {mode} is cut', DEADLINE + 10)
            first = time.monotonic() - start
            support.wait_until(lambda: server.descriptors() <= others,
                               f'all slow {mode} are cut', DEADLINE + 10)
            last = time.monotonic() - start
        finally:
            client.kill()
    support.expect(DEADLINE + extra - 1 <= first and last <= DEADLINE + extra + 1, True,
                   f'slow {mode} were cut after {first:.1f} to {last:.1f} s')
    return last


def main():
    wrk = support.require('wrk')
    support.require('slowhttptest')
    support.need_descriptors(SLOW + BUSY + 100)
    with support.Server('http_server', '--header-timeout', DEADLINE, '--body-timeout',
                        DEADLINE) as server:
        idle = server.descriptors()
        seconds = 3 * DEADLINE + (3 if SHORT else 8)
        load = subprocess.Popen([wrk, '-t1', f'-c{BUSY}', f'-d{seconds}', server.url()],
                                stdout=subprocess.PIPE, text=True)
        try:
            support.wait_until(lambda: server.descriptors() == idle + BUSY, 'wrk is there')
            cut = {mode: attack(server, mode, idle + BUSY) for mode in MODES}
            said, _ = load.communicate(timeout=seconds + support.PATIENCE)
        finally:
            load.kill()
        errors = re.findall(r'Socket errors.*|Non-2xx.*', said)
        support.expect(errors, [], "wrk's errors")
        requests = int(re.search(r'(\d+) requests in', said)[1])
        server.stop()
    print(f'F10: {SLOW} slow clients in three modes while wrk makes {requests:,} requests '
          f'without an error: with {DEADLINE} s allowed, '
          + ', '.join(f'slow {mode} are gone after {took:.1f} s'
                      for mode, took in cut.items()))


try:
    main()
except support.Skip as reason:
    print(f'skipped: {reason}')
    sys.exit(77)
