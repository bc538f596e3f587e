#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The HTTP server under curl, and under bytes that no client should send.

usage: http.py BUILD_DIR
"""
import random
import signal
import socket
import time

import support
from support import Server, expect, expect_in

HEADER, IDLE, BODY, GRACE = 1, 2, 1, 5
OK = b'HTTP/1.1 200 OK\r\n'
GET = b'GET / HTTP/1.1\r\nHost: motet\r\n\r\n'
HELLO = b'Hello, world!\n'


def http_server(backend, **how):
    return Server('http_server', '--header-timeout', HEADER, '--idle-timeout', IDLE,
                  '--body-timeout', BODY, '--grace', GRACE, backend=backend, **how)


def curl(server, path, *options, **how):
    program = support.require('curl')
    return support.run([program, '--silent', '--show-error', '--max-time', 10, *options,
                        server.url(path)], **how)


def curl_bytes(server, path, *options, body):
    return curl(server, path, *options, input=body, text=False, errors=None).stdout


# --- curl ------------------------------------------------------------------------------

def curl_gets_head_and_body(server):
    expect(curl(server, '/').stdout, HELLO.decode(), 'body')
    said = curl(server, '/', '--head').stdout
    expect_in('HTTP/1.1 200 OK\n', said.replace('\r', ''), 'head')
    expect_in(f'Content-Length: {len(HELLO)}\n', said.replace('\r', ''), 'head')
    for status, options in ((404, ['-X', 'GET']), (404, ['-X', 'POST'])):
        expect(curl(server, '/nowhere', *options, '-w', '%{http_code}').stdout[-3:],
               str(status), 'status')
    expect_in('Allow: GET, HEAD', curl(server, '/', '-i', '-X', 'DELETE').stdout, '405')
    expect(curl(server, '/', '-X', 'BREW', '-w', '%{http_code}').stdout[-3:], '501',
           'status')


def curl_keeps_a_connection(server):
    url = server.url('/')
    done = curl(server, '/', url, url, url, '-w', '%{num_connects} ')
    expect(done.stdout, '1 '.join([HELLO.decode()] * 1) + '1 '
           + (HELLO.decode() + '0 ') * 3, 'connections made')
    done = curl(server, '/', '--http1.0', '-i', '-H', 'Connection: keep-alive')
    expect_in('Connection: keep-alive', done.stdout, 'for HTTP/1.0')


def curl_sends_and_gets_bodies(server):
    data = random.randbytes(3 << 20)
    chunked = '-H', 'Transfer-Encoding: chunked'
    for how in ((), chunked, ('-H', 'Expect:'), ('-H', 'Expect: 100-continue', *chunked)):
        echo = curl_bytes(server, '/echo', '-T', '-', *how, body=data)
        expect(echo == data, True, f'the same bytes came back ({how})')
    echo = curl_bytes(server, '/echo', '--data-binary', '@-', body=data)
    expect(echo == data, True, 'the same bytes came back (with their length)')
    expect(curl(server, '/stream?lines=3&ms=1').stdout, 'line 1\nline 2\nline 3\n', 'lines')
    expect(curl(server, '/stream?lines=3&ms=1', '--http1.0').stdout,
           'line 1\nline 2\nline 3\n', 'lines, until the end')


def curl_is_refused_what_is_too_long(server):
    code = '-w', '%{http_code}', '-o', '/dev/null'
    expect(curl(server, '/' + 'x' * 5000, *code).stdout, '414', 'target')
    expect(curl(server, '/', '-H', 'X: ' + 'x' * 9000, *code).stdout, '431', 'field')
    many = [word for i in range(120) for word in ('-H', f'X{i}: x')]
    expect(curl(server, '/', *many, *code).stdout, '431', 'fields')
    expect(curl(server, '/echo', '-X', 'POST', '-H', 'Content-Length: 99999999999', *code,
                check=False).stdout, '413', 'body')
    # Nobody wants this body: the answer comes before it was sent.
    done = curl(server, '/', '-X', 'PUT', '--data-binary', '@-', *code, check=False,
                input='x' * (8 << 20))
    expect(done.stdout, '405', 'status')


# --- Bytes -----------------------------------------------------------------------------

def reply_to(server, data, end=True):
    """All that comes back until the server closes."""
    with server.connect() as peer:
        peer.sendall(data)
        if end:
            peer.shutdown(socket.SHUT_WR)
        return support.read_until_end(peer)


NONSENSE = (
    (400, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),  # TLS
    (400, b'GET /\r\n\r\n'),
    (400, b'GET / HTTP/1.1\r\n\r\n'),  # no Host
    (400, b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
    (400, b'GET / HTTP/1.1\nHost: a\n\n'),
    (400, b'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'),
    (400, b'GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n'),
    (400, b'GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n'),
    (400, b'GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n'),
    (400, b'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n'),  # folded
    (400, b'GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n'),
    (400, b'GET / HTTP/1.1 \r\nHost: a\r\n\r\n'),
    (400, b'GET / FTP/1.1\r\nHost: a\r\n\r\n'),
    (400, b'GET / HTTP/1.1\r\nHost: a'),
    (505, b'GET / HTTP/2.0\r\nHost: a\r\n\r\n'),
    (505, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    (417, b'POST /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n'),
    (501, b'BREW / HTTP/1.1\r\nHost: a\r\n\r\n'),
)
SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
POST = b'POST /echo HTTP/1.1\r\nHost: a\r\n'
SMUGGLING = (  # two readers of these might see different ends
    (400, POST + b'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    (400, POST + b'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n'),
    (400, POST + b'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd'),
    (400, POST + b'Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd'),
    (400, POST + b'Content-Length: 4, 4\r\n\r\nabcd'),
    (400, POST + b'Content-Length: +4\r\n\r\nabcd'),
    (400, POST + b'Content-Length: 0x4\r\n\r\nabcd'),
    (400, POST + b'Content-Length: -1\r\n\r\n'),
    (400, POST + b'Content-Length: 4 4\r\n\r\nabcd'),
    (400, POST + b'Content-Length: 99999999999999999999999\r\n\r\n'),
    (400, POST + b'Content-Length:\r\n\r\nabcd'),
    (501, POST + b'Transfer-Encoding: gzip\r\n\r\nabcd'),
    (501, POST + b'Transfer-Encoding: chunked, gzip\r\n\r\nabcd'),
    (501, POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
    (501, POST + b'Transfer-Encoding: xchunked\r\n\r\nabcd'),
    (400, POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n'
          b'0\r\n\r\n'),
    (400, POST + b'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'),
    (400, POST.replace(b'1.1', b'1.0') + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
)


def nonsense_gets_its_status_and_nothing_more(server):
    for status, data in NONSENSE:
        reply = reply_to(server, data)
        expect(reply[:12], b'HTTP/1.1 %d' % status, f'the reply to {data!r}')
        expect_in(b'Connection: close', reply, f'the reply to {data!r}')
    expect(reply_to(server, b''), b'', 'nothing for nothing')


def nothing_can_be_smuggled(server):
    for status, data in SMUGGLING:
        reply = reply_to(server, data + SMUGGLED)
        expect(reply[:12], b'HTTP/1.1 %d' % status, f'the reply to {data!r}')
        expect(reply.count(b'HTTP/1.1 '), 1, f'replies to {data!r}')


def bad_chunks_end_the_connection(server):
    head = POST + b'Transfer-Encoding: chunked\r\n\r\n'
    for bad in (b'g\r\n', b'4\nabcd\n', b'4\r\nabcde\r\n', b'-1\r\n', b'0x4\r\nabcd\r\n',
                b'ffffffffffffffff\r\n', b'1ffffffffffffffff\r\n', b'4;' + b'x' * 20000,
                b'4\r\nabcd', b'4\r\nab'):
        reply = reply_to(server, head + bad + SMUGGLED)
        expect(reply.count(b'HTTP/1.1 '), 1, f'replies to {bad!r}')
        expect(reply.endswith(b'0\r\n\r\n'), False, f'a whole reply to {bad!r}')


def pipelined_requests_are_answered_in_order(server):
    count = 2000
    end = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    reply = reply_to(server, GET * count + POST + b'Content-Length: 3\r\n\r\nabc'
                     + POST + b'Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n'
                     + b'\r\n' + end + GET, end=False)
    expect(reply.count(OK), count + 3, 'replies')
    expect(reply.count(HELLO), count + 1, 'hellos')
    expect_in(b'abcHTTP/1.1 200', reply, 'in order')
    expect_in(b'3\r\ndef\r\n0\r\n\r\nHTTP/1.1 200', reply, 'in order')


def one_byte_at_a_time_will_do(server):
    with server.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (POST + b'Transfer-Encoding: chunked\r\n\r\n'
                     + b'3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n' + GET):
            peer.sendall(bytes([byte]))
        reply = support.read_until(peer, HELLO)
    expect_in(b'0\r\n\r\nHTTP/1.1 200', reply, 'the next reply')


def who_waits_for_it_is_told_to_go_on(server):
    with server.connect() as peer:
        peer.sendall(POST + b'Content-Length: 4\r\nExpect: 100-continue\r\n\r\n')
        expect(support.read_until(peer, b'\r\n\r\n')[:25], b'HTTP/1.1 100 Continue\r\n\r\n',
               'the first reply')
        peer.sendall(b'abcd' + GET)
        expect_in(b'abcdHTTP/1.1 200', support.read_until(peer, HELLO), 'the next ones')
        peer.sendall(GET.replace(b'/', b'/no', 1).replace(
            b'\r\n\r\n', b'\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'))
        reply = support.read_until_end(peer)
    expect(reply[:12], b'HTTP/1.1 404', 'no invitation to a body that nobody wants')


# --- Deadlines, and the end ------------------------------------------------------------

def slow_peers_are_cut(server):
    """All at once, so that it takes no longer than the longest."""
    cases = {
        'nothing at all': (b'', HEADER, b''),
        'half a head': (b'GET / HTTP/1.1\r\n', HEADER, b'408'),
        'half a body': (POST + b'Content-Length: 9\r\n\r\nabc', BODY, b''),
        'a body nobody has begun': (POST + b'Content-Length: 9\r\n\r\n', BODY, b''),
        'idle': (GET, IDLE, b'200'),
    }
    peers, start = {}, time.monotonic()
    for what, (data, _, _) in cases.items():
        peers[what] = server.connect()
        peers[what].sendall(data)
    for what, (_, seconds, status) in sorted(cases.items(), key=lambda c: c[1][1]):
        with peers[what] as peer:
            reply = support.read_until_end(peer)
        took = time.monotonic() - start
        expect(seconds - 0.1 < took < seconds + 2, True, f'{what}: {took:.1f} s')
        expect_in(status, reply[:12], what)


def a_stop_lets_requests_finish(backend):
    with http_server(backend) as server:
        busy, idle, late = server.connect(), server.connect(), server.connect()
        idle.sendall(GET)
        support.read_until(idle, HELLO)
        busy.sendall(b'GET /slow?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n')
        late.sendall(GET[:-2])
        time.sleep(0.2)  # until all three are where they should be
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        expect(support.read_until_end(idle), b'', 'the idle one is hung up on')
        expect(time.monotonic() - start < 0.4, True, 'at once')
        late.sendall(b'\r\n')
        expect_in(HELLO, support.read_until_end(late), 'a head that was under way')
        try:
            server.connect()
            raise AssertionError('a new one was let in')
        except ConnectionRefusedError:
            pass
        reply = support.read_until_end(busy)
        expect_in(b'Connection: close', reply, 'the one under way')
        expect_in(b'took its time', reply, 'the one under way')
        expect(server.process.wait(support.PATIENCE), 128 + signal.SIGTERM, 'exit code')
        expect(server.stderr().count('\n'), 1, f'lines in {server.stderr()!r}')


def those_that_had_to_be_cut_are_named(backend):
    with Server('http_server', '--grace', 1, backend=backend) as server:
        busy = server.connect()
        busy.sendall(b'GET /slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n')
        time.sleep(0.2)
        server.stop()
        name = f'peer 127.0.0.1:{busy.getsockname()[1]}'
        expect_in(f'the grace is over for {name}\n', server.stderr(), 'stderr')


IN_ONE_SERVER = (
    curl_gets_head_and_body, curl_keeps_a_connection, curl_sends_and_gets_bodies,
    curl_is_refused_what_is_too_long, nonsense_gets_its_status_and_nothing_more,
    nothing_can_be_smuggled, bad_chunks_end_the_connection,
    pipelined_requests_are_answered_in_order, one_byte_at_a_time_will_do,
    who_waits_for_it_is_told_to_go_on)


def checks():
    best = support.backends()[0]
    for backend in support.backends():
        with http_server(backend) as server:
            for check in IN_ONE_SERVER:
                yield check, server
            if backend == best:  # what takes seconds
                yield slow_peers_are_cut, server
            yield leaves_nothing_behind, server
        yield a_stop_lets_requests_finish, backend
    yield those_that_had_to_be_cut_are_named, best


def leaves_nothing_behind(server):
    support.wait_until(lambda: curl(server, '/stats').stdout.startswith('fibers 2\n'),
                       'no fiber but that of the one who asks')
    server.stop()
    expect(server.stderr(), server.stderr().splitlines()[0] + '\n', 'stderr')


support.main(checks())
