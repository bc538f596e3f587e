# SPDX-License-Identifier: MIT
"""F11: what breaks a pipe or a connection ends one fiber, and never the process.

usage: f11_broken.py BUILD_DIR
"""
import signal
import socket

import support
from support import Server, expect


def still_serves(server, before):
    """The process is alive, says nothing, and has let go of what broke."""
    with server.connect() as peer:
        peer.sendall(b'still there?')
        expect(support.read_exactly(peer, 12), b'still there?', 'the next peer')
    support.wait_until(lambda: server.descriptors() == before, 'descriptors are closed')
    expect(server.stderr().replace('\n', ' ').strip().split()[:1], ['backend:'], 'stderr')
    expect(server.stderr().count('\n'), 1, 'lines on stderr')


def fill(peer):
    """Sends more than the server can send back, as nobody reads it."""
    peer.settimeout(0.2)
    try:
        while True:
            peer.sendall(b'x' * (1 << 16))
    except TimeoutError:
        pass


def a_reset_ends_its_fiber_only(backend):
    with Server('echo_server', backend=backend) as server:
        before = server.descriptors()
        with server.connect() as neighbour:
            for _ in range(20):
                peer = server.connect()
                peer.sendall(b'x')
                support.reset(peer)
            peer = server.connect()
            fill(peer)
            support.reset(peer)  # while the server writes
            neighbour.sendall(b'unharmed')
            expect(support.read_exactly(neighbour, 8), b'unharmed', 'the neighbour')
        still_serves(server, before)
        server.stop()


def sigpipe_ends_nothing(backend):
    with Server('echo_server', backend=backend) as server:
        before = server.descriptors()
        server.process.send_signal(signal.SIGCONT)
        for _ in range(20):
            peer = server.connect()
            fill(peer) if _ == 0 else peer.sendall(b'x' * 4096)
            peer.close()  # with bytes unread, or on their way: EPIPE or a reset over there
        still_serves(server, before)
        server.stop()


def half_close_lets_the_rest_through(backend):
    data = b'0123456789' * 100_000
    with Server('echo_server', backend=backend) as server:
        before = server.descriptors()
        nc = support.require('nc', 'netcat-openbsd')
        done = support.run([nc, '-N', '-w', '5', server.host, server.port], input=data,
                           text=False, errors=None)
        expect(done.stdout == data, True, 'all of it, after the end was sent')
        with server.connect() as peer:
            peer.sendall(b'last words')
            peer.shutdown(socket.SHUT_WR)
            expect(support.read_until_end(peer), b'last words', 'after half a close')
        still_serves(server, before)
        server.stop()


def curl_into_head_hangs_up_half_way(backend):
    curl = support.require('curl')
    with Server('http_server', backend=backend) as server:
        before = server.descriptors()
        for _ in range(5):
            url = server.url('/stream?lines=1000000&ms=0')
            done = support.run(['sh', '-c', f"{curl} -sN '{url}' | head -1"])
            expect(done.stdout, 'line 1\n', 'what head has got')
        support.wait_until(lambda: server.descriptors() == before, 'descriptors closed')
        expect(support.run([curl, '-s', server.url('/')]).stdout, 'Hello, world!\n', 'next')
        server.stop()


support.main([(check, backend) for backend in support.backends() for check in
              (a_reset_ends_its_fiber_only, sigpipe_ends_nothing,
               half_close_lets_the_rest_through, curl_into_head_hangs_up_half_way)])
