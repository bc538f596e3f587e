#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts example servers, drives them with real clients, prints what it saw.

usage: run.py BUILD_DIR
"""
import pathlib
import resource
import signal
import subprocess
import sys

import chat_server
import echo_server
import http_server
import key_value
from common import LeftOut, Wrong, print_table

SECONDS = 110  # for all of it, after which something must be wrong


def need_descriptors(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit('the demo takes too long'))
    signal.alarm(SECONDS)
    need_descriptors(2 * echo_server.CROWD + 100)
    wrong = 0
    for part in echo_server, chat_server, http_server, key_value:
        try:
            part.demo(pathlib.Path(sys.argv[1]))
        except LeftOut as reason:
            print(f'\n{reason}: left out')
        except (Wrong, OSError, subprocess.SubprocessError) as error:
            wrong += 1
            print(f'  {part.__name__} is left here {error}')
    print_table()
    print('\nsomething is wrong' if wrong else '\nall as it should be')
    sys.exit(wrong > 0)


main()
