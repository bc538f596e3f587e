#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The echo server under nc.

usage: echo.py BUILD_DIR
"""
import random

import support
from support import Server, expect


def nc_gets_its_bytes_back(backend):
    nc = support.require('nc', 'netcat-openbsd')
    data = random.randbytes(1 << 20)
    with Server('echo_server', backend=backend) as server:
        done = support.run([nc, '-N', '-w', '5', server.host, server.port], input=data,
                           text=False, errors=None)
        expect(done.stdout == data, True, 'what came back is what was sent')
        server.stop()


support.main([(nc_gets_its_bytes_back, backend) for backend in support.backends()])
