#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An example server on sockets that systemd-socket-activate has opened, under socat.

usage: activation.py BUILD_DIR
"""
import contextlib
import os
import pathlib
import random
import socket
import subprocess
import tempfile

import support
from support import expect, expect_in


@contextlib.contextmanager
def activated(backend, address, *options):
    """systemd-socket-activate: it becomes the server when somebody calls."""
    starter = support.require('systemd-socket-activate', 'systemd')
    log = tempfile.TemporaryFile('w+')
    started = subprocess.Popen(
        [starter, '-l', address, *options, '-E', f'MOTET_BACKEND={backend}',
         support.example('udp_echo')],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def said():
        return os.pread(log.fileno(), 1 << 16, 0).decode()
    try:
        support.wait_until(lambda: 'Listening on' in said() or started.poll() is not None,
                           'a socket is opened')
        yield started, said
    except Exception:
        print(said())
        raise
    finally:
        started.terminate()
        started.wait(support.PATIENCE)


def unused_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((support.LOOPBACK, 0))
        return probe.getsockname()[1]


def socat(to, data, *options):
    program = support.require('socat')
    done = support.run([program, '-t', '5', *options, 'STDIO', to], input=data, text=False,
                       errors=None)
    expect(done.stdout == data, True, f'{len(data)} bytes come back over {to}')


def a_listener_is_handed_over(backend):
    port = unused_port(socket.SOCK_STREAM)
    with activated(backend, f'{support.LOOPBACK}:{port}') as (_, said):
        for size in 1, 1 << 20:
            socat(f'TCP:{support.LOOPBACK}:{port}', random.randbytes(size))
        expect_in(f'listening on {support.LOOPBACK}:{port}', said(), 'output')


def a_udp_socket_is_handed_over(backend):
    port = unused_port(socket.SOCK_DGRAM)
    with activated(backend, f'{support.LOOPBACK}:{port}', '--datagram') as (_, said):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((support.LOOPBACK, port))
        client.settimeout(support.PATIENCE)
        for number in range(100):
            client.send(b'%d' % number)
            expect(client.recv(100), b'%d' % number, 'answer')
        expect_in(f'listening on {support.LOOPBACK}:{port}', said(), 'output')


def a_unix_listener_is_handed_over_and_keeps_its_path(backend):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'echo.sock'
        with activated(backend, str(path)) as (started, said):
            socat(f'UNIX-CONNECT:{path}', random.randbytes(1 << 20))
            expect_in(f'listening on {path}', said(), 'output')
            started.terminate()
            started.wait(support.PATIENCE)
            expect(path.exists(), True, "the manager's path is there still")


def a_unix_datagram_socket_is_handed_over(backend):
    with tempfile.TemporaryDirectory() as folder:
        path, own = pathlib.Path(folder) / 'echo.sock', pathlib.Path(folder) / 'own.sock'
        with activated(backend, str(path), '--datagram') as (_, said):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            client.bind(str(own))
            client.settimeout(support.PATIENCE)
            client.sendto(b'first', str(path))
            expect(client.recv(100), b'first', 'answer')
            program = support.require('socat')
            done = support.run([program, '-t', '0.5', 'STDIO',
                                f'UNIX-SENDTO:{path},bind={own}2'], input='by socat')
            expect(done.stdout, 'by socat', 'answer')
            expect_in(f'listening on {path}', said(), 'output')


def several_are_handed_over(backend):
    with tempfile.TemporaryDirectory() as folder:
        port = unused_port(socket.SOCK_STREAM)
        path = pathlib.Path(folder) / 'echo.sock'
        with activated(backend, str(path), '-l', f'{support.LOOPBACK}:{port}',
                       '--fdname=one:other') as (_, said):
            socat(f'TCP:{support.LOOPBACK}:{port}', b'by TCP')
            socat(f'UNIX-CONNECT:{path}', b'by path')
            expect(said().count('\nlistening on '), 2, 'sockets')


support.main([(check, backend) for backend in support.backends() for check in
              (a_listener_is_handed_over, a_udp_socket_is_handed_over,
               a_unix_listener_is_handed_over_and_keeps_its_path,
               a_unix_datagram_socket_is_handed_over, several_are_handed_over)])
