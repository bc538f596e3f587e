# SPDX-License-Identifier: MIT
"""The forwarder before the echo server, smooth and rough, under nc and plain sockets.

usage: forwarder.py BUILD_DIR
"""
import random
import socket
import threading

import support
from support import Server, expect


def through(backend, *roughness):
    """An echo server and a forwarder before it."""
    server = Server('echo_server', backend=backend)
    return server, Server('forwarder', '--to', server.port, *roughness, backend=backend)


def nc_gets_its_bytes_back(backend, *roughness):
    nc = support.require('nc', 'netcat-openbsd')
    # Enough to go through a pipe, unless that would take long.
    data = random.randbytes(1000 if roughness else 6 << 20)
    server, gate = through(backend, *roughness)
    with server, gate:
        done = support.run([nc, '-N', '-w', '5', gate.host, gate.port], input=data,
                           text=False, errors=None)
        expect(done.stdout == data, True, 'what came back is what was sent')
        gate.stop()


def talk(gate, data):
    """@returns what came back, and whether the client was told of an error."""
    came, told = b'', False
    try:
        with gate.connect() as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while more := peer.recv(1 << 16):
                came += more
    except OSError:
        told = True
    return came, told


def a_cut_reaches_its_client_and_nobody_else(backend):
    data = random.randbytes(20_000)
    server, gate = through(backend, '--piece', 500, '--cut-after', 80_000, '--seed', 3)
    seen = []
    with server, gate:
        before = gate.descriptors(), server.descriptors()
        threads = [threading.Thread(target=lambda: seen.append(talk(gate, data)))
                   for _ in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        whole = sum(came == data for came, _ in seen)
        cut = sum(told and came != data and data.startswith(came) for came, told in seen)
        expect(whole + cut, 20, 'all of it came back, or an error')
        expect(whole > 0 and cut > 0, True, f'some of either kind ({whole}, {cut})')
        support.wait_until(lambda: (gate.descriptors(), server.descriptors()) == before,
                           'all descriptors are closed')
        gate.stop()
        server.stop()


def a_server_that_is_gone_refuses(backend):
    server, gate = through(backend)
    with server, gate:
        server.stop()
        expect(talk(gate, b'anybody?'), (b'', True), 'an error, and nothing else')
        gate.stop()


support.main([(check, backend) for backend in support.backends() for check in
              (nc_gets_its_bytes_back, a_cut_reaches_its_client_and_nobody_else,
               a_server_that_is_gone_refuses)] +
             [(nc_gets_its_bytes_back, backend, '--piece', 1, '--delay', 1)
              for backend in support.backends()])
