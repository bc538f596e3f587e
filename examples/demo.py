#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts the echo and the chat server, drives them with real clients, prints what it saw.

usage: demo.py BUILD_DIR
"""
import itertools
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PATIENCE = 5  # seconds for what should take milliseconds
IDLE = 2  # seconds of silence that the servers allow here
CROWD = 1000


class Wrong(Exception):
    """A fact that should hold does not; what follows would not tell much."""


def check(fact, holds):
    print(f'  {"✓" if holds else "✗"} {fact}', flush=True)
    if not holds:
        raise Wrong


class Server:
    """An example server on a port of its own; a child process, and gone after the block."""

    def __init__(self, build, name):
        self.process = subprocess.Popen(
            [build / 'examples' / name, '--port', '0', '--idle', str(IDLE)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        found = re.fullmatch(r'listening on 127\.0\.0\.1:(\d+)\n', first)
        if not found:
            sys.exit(f'{name} did not start: {first}{self.process.communicate()[1]}')
        self.port = int(found[1])
        print(f'\n{name}: {first.strip()}, {self.process.stderr.readline().strip()}')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), timeout=PATIENCE)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = None
        complaints = self.process.stderr.read() if code is not None else ''
        print(complaints, end='')
        check(f'SIGTERM: exit code {code}, and no complaint on stderr',
              code == 128 + signal.SIGTERM and complaints == '')


def read_exactly(peer, size):
    data = b''
    while len(data) < size and (more := peer.recv(size - len(data))):
        data += more
    return data


def ends(peer):
    """Whether the server has hung up, with or without a reset."""
    try:
        return peer.recv(1) == b''
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def reset(peer):
    """Closes without goodbye: the other side gets a reset, as if we had been killed."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()


def comes_back(peer, data):
    """Sends and receives at a time: more than all buffers between hold."""
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    echo = read_exactly(peer, len(data))
    sender.join()
    return echo == data


# --- Echo -----------------------------------------------------------------------------

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


def echo_tools(server):
    text = 'three\nlines of\ntext\n'
    for command in (['nc', '-N', '-w', '5', '127.0.0.1', str(server.port)],
                    ['socat', '-t', '5', '-', f'TCP:127.0.0.1:{server.port}']):
        if shutil.which(command[0]) is None:
            print(f'  - {command[0]} is not installed: left out')
            continue
        done = subprocess.run(command, input=text, capture_output=True, text=True,
                              timeout=PATIENCE)
        check(f'{command[0]} sends three lines and gets them back', done.stdout == text)


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


def echo(build):
    with Server(build, 'echo_server') as server:
        echo_data(server)
        echo_tools(server)
        with echo_endings(server) as witness:
            server.stop()
            check('a client that was connected is hung up on', ends(witness))


# --- Chat -----------------------------------------------------------------------------

class Person:
    """Somebody in the room, who remembers every line."""

    def __init__(self, server, name):
        self.name = name
        self.seen = []
        self.news = threading.Condition()
        self.peer = server.connect()
        threading.Thread(target=self.listen, daemon=True).start()
        self.say(name)
        self.sees(r'\* (nobody else|with you).*')

    def listen(self):
        try:
            for line in self.peer.makefile(newline='\n'):
                with self.news:
                    self.seen.append(line.rstrip('\n'))
                    self.news.notify_all()
        except OSError:
            pass

    def say(self, text):
        try:
            self.peer.sendall(text.encode() + b'\n')
        except OSError as error:
            print(f'  ✗ {self.name} is still connected: {error}')
            raise Wrong

    def sees(self, pattern, within=PATIENCE):
        """Waits until some line matches."""
        with self.news:
            return self.news.wait_for(
                lambda: any(re.fullmatch(pattern, line) for line in self.seen), within)

    def show(self):
        print(f'  what {self.name} saw:')
        for line, same in itertools.groupby(self.seen):
            times = len(list(same))
            print(f'    | {line}' + (f'   ({times} times)' if times > 1 else ''))


def chat_talk(server, ann, bob):
    ann.say('good evening')
    bob.say('hello, ann')
    check('ann and bob see each other, and not themselves',
          bob.sees('ann: good evening') and ann.sees('bob: hello, ann')
          and 'ann: good evening' not in ann.seen)

    with server.connect() as other:
        other.sendall(b'ann\nanna\n')
        other.shutdown(socket.SHUT_WR)
        told = read_exactly(other, 1000).decode()
    check('a second ann is asked for another name', '* that name is taken' in told
          and '* with you: ann bob' in told and ann.sees(r'\* anna is here'))
    check('she hangs up and the room is told', ann.sees(r'\* anna has left \(hung up\)'))

    if shutil.which('nc') is None:
        print('  - nc is not installed: left out')
        return
    done = subprocess.run(['nc', '-N', '-w', '5', '127.0.0.1', str(server.port)],
                          input='cid\nhi from a terminal\n', capture_output=True, text=True,
                          timeout=PATIENCE)
    check('cid comes by nc, says something and goes',
          ann.sees('cid: hi from a terminal') and ann.sees(r'\* cid has left \(hung up\)')
          and '* with you: ann bob' in done.stdout)


def chat_endings(server, ann, bob):
    dan = server.connect()
    dan.sendall(b'dan\n')
    bob.sees(r'\* dan is here')
    reset(dan)
    check("dan's machine dies (reset): announced",
          bob.sees(r'\* dan has left \(Connection reset by peer\)'))

    eve = server.connect()
    eve.sendall(b'eve\n')
    start = time.monotonic()
    while not bob.sees(r'\* eve has left .*', within=IDLE / 10):
        ann.say('mm')
        bob.say('hm')
        if time.monotonic() - start > IDLE + PATIENCE:
            break
    check(f'eve says nothing for {time.monotonic() - start:.1f} s: announced, hung up on',
          bob.sees(r'\* eve has left \(silent for too long\)')
          and 'ann: mm' in read_exactly(eve, 1 << 20).decode())


def chat_slow(server, ann, bob):
    """Somebody who never reads, while ann has much to say. Bob keeps up."""
    zed = socket.socket()
    zed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    zed.settimeout(PATIENCE)
    zed.connect(('127.0.0.1', server.port))
    zed.sendall(b'zed\n')
    ann.sees(r'\* zed is here')
    lines, start = 0, time.monotonic()
    while not bob.sees(r'\* zed has left .*', within=0):
        for _ in range(200):
            ann.say(f'{lines} {"bla " * 200}')
            lines += 1
        if not bob.sees(rf'ann: {lines - 1} .*') or time.monotonic() - start > PATIENCE:
            break
        with bob.news:
            bob.seen[:] = [line for line in bob.seen if ' bla' not in line]
    check(f'zed reads nothing of {lines} lines: announced; bob got every one in time',
          bob.sees(r'\* zed has left \((reads too slowly|does not read)\)'))
    zed.close()


def chat(build):
    with Server(build, 'chat_server') as server:
        ann, bob = Person(server, 'ann'), Person(server, 'bob')
        chat_talk(server, ann, bob)
        chat_endings(server, ann, bob)
        chat_slow(server, ann, bob)
        for person in ann, bob:
            person.show()
        server.stop()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit('the demo takes too long'))
    signal.alarm(60)
    build = pathlib.Path(sys.argv[1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CROWD + 100
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    wrong = 0
    for part in echo, chat:
        try:
            part(build)
        except (Wrong, OSError, subprocess.TimeoutExpired) as error:
            wrong += 1
            print(f'  {part.__name__} is left here {error}')
    print('\nsomething is wrong' if wrong else '\nall as it should be')
    sys.exit(wrong > 0)


main()
