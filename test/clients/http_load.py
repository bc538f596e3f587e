#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The HTTP server under clients made to press it: wrk, ab and h2load. Those that
are made to hurt are in test/figures/f10_slow.py.

usage: http_load.py BUILD_DIR
"""
import re
import tempfile

import support
from support import Server, expect


def count(pattern, text):
    """What the pattern finds, as a number."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise AssertionError(f'no {pattern!r} in {text!r}')
    return int(float(found[1]))


def wrk_has_no_errors(server):
    wrk = support.require('wrk')
    # Says so if there are any, and does not otherwise.
    said = support.run([wrk, '-t1', '-c50', '-d1', server.url()]).stdout
    expect(re.findall(r'Socket errors.*|Non-2xx.*', said), [], 'errors')
    expect(count(r'^ *(\d+) requests in', said) > 100, True, said)


def wrk_has_no_errors_when_it_pipelines(server):
    wrk = support.require('wrk')
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as script:
        script.write('init = function() batch = string.rep(wrk.format(), 16) end\n'
                     'request = function() return batch end\n')
        script.flush()
        said = support.run([wrk, '-t1', '-c10', '-d1', '-s', script.name,
                            server.url()]).stdout
    expect(re.findall(r'Socket errors.*|Non-2xx.*', said), [], 'errors')


def ab_has_no_failures(server, *options):
    ab = support.require('ab', 'apache2-utils')
    said = support.run([ab, '-q', '-n', 2000, '-c', 50, *options, server.url()]).stdout
    expect(count(r'^Complete requests: +(\d+)', said), 2000, 'requests')
    expect(count(r'^Failed requests: +(\d+)', said), 0, 'failed')
    expect('Non-2xx' in said, False, said)
    if '-k' in options:
        expect(count(r'^Keep-Alive requests: +(\d+)', said), 2000, 'on kept connections')


def h2load_has_no_failures(server):
    h2load = support.require('h2load', 'nghttp2-client')
    said = support.run([h2load, '--h1', '-n', 4000, '-c', 50, '-m', 4, server.url(),
                        server.url('/stream?lines=2&ms=0')]).stdout
    expect(re.search(r'^requests: .*', said, re.MULTILINE)[0],
           'requests: 4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed, '
           '0 errored, 0 timeout', 'result')


def leaves_nothing_behind(server, descriptors):
    support.wait_until(lambda: server.descriptors() == descriptors,
                       f'{descriptors} descriptors, as at the start')
    server.stop()
    expect(server.stderr().count('\n'), 1, f'lines in {server.stderr()!r}')


def checks():
    best = support.backends()[0]
    for backend in support.backends():
        with Server('http_server', backend=backend) as server:
            descriptors = server.descriptors()
            yield wrk_has_no_errors, server
            yield ab_has_no_failures, server
            if backend == best:
                yield wrk_has_no_errors_when_it_pipelines, server
                yield ab_has_no_failures, server, '-k'
                yield h2load_has_no_failures, server
            yield leaves_nothing_behind, server, descriptors


support.main(checks())
