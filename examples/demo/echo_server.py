# SPDX-License-Identifier: MIT
"""The echo server under sockets, nc and socat."""
import random
import socket
import threading
import time

from common import PATIENCE, Server, check, client, ends, read_exactly, reset, run, tell

IDLE = 2  # seconds of silence that the server allows here
CROWD = 1000


def comes_back(peer, data):
    """Sends and receives at a time: more than all buffers between hold."""
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    echo = read_exactly(peer, len(data))
    sender.join()
    return echo == data


def echo_data(server):
    data = random.randbytes(4 << 20)
    with server.connect() as peer:
        check(f'{len(data) >> 20} MiB of random bytes come back as they were',
              comes_back(peer, data))

    start = time.monotonic()
    crowd = [(server.connect(), random.randbytes(100)) for _ in range(CROWD)]
    for peer, words in crowd:
        peer.sendall(words)
    good = sum(read_exactly(peer, len(words)) == words for peer, words in crowd)
    for peer, _ in crowd:
        peer.close()
    if time.monotonic() - start > IDLE:
        print(f'  (a slow machine: that took longer than the {IDLE} s of allowed silence)')
    check(f'{good} of {CROWD} connections at a time each get their own bytes back',
          good == CROWD)
    tell(server, f'{CROWD:,} sockets', CROWD, CROWD - good)


def echo_tools(server):
    text = 'three\nlines of\ntext\n'
    for command in (['nc', '-N', '-w', '5', '127.0.0.1', str(server.port)],
                    ['socat', '-t', '5', '-', f'TCP:127.0.0.1:{server.port}']):
        if client(command[0]) is None:
            continue
        done = run(command, input=text)
        check(f'{command[0]} sends three lines and gets them back', done.stdout == text)
        tell(server, command[0], 1, 0)


def echo_endings(server):
    witness = server.connect()

    victim = server.connect()
    victim.setblocking(False)
    try:
        while True:  # it never reads, so sooner or later the server is in mid-write
            victim.send(bytes(1 << 16))
    except BlockingIOError:
        reset(victim)
    check('a client dies in the middle (reset); another is served as before',
          comes_back(witness, b'still there?'))

    with server.connect() as half:
        half.sendall(b'the end')
        half.shutdown(socket.SHUT_WR)
        check('a client closes its half; it gets the rest, then the end',
              read_exactly(half, 100) == b'the end')

    silent = server.connect()
    silent.settimeout(IDLE + PATIENCE)
    start = time.monotonic()
    hung_up = []
    waiter = threading.Thread(
        target=lambda: hung_up.append((ends(silent), time.monotonic() - start)))
    waiter.start()
    unaffected = True
    while waiter.is_alive():
        unaffected &= comes_back(witness, random.randbytes(10))
        waiter.join(IDLE / 10)
    over, seconds = hung_up[0]
    check(f'a client is silent; it is hung up on after {seconds:.1f} s (allowed: {IDLE} s)',
          over and seconds >= IDLE)
    unaffected &= comes_back(witness, b'and now?')
    check('another, which talked all the while, is not', unaffected)
    return witness


def demo(build):
    with Server(build, 'echo_server', '--idle', IDLE) as server:
        echo_data(server)
        echo_tools(server)
        with echo_endings(server) as witness:
            server.stop()
            check('a client that was connected is hung up on', ends(witness))
