# SPDX-License-Identifier: MIT
"""The chat server: people who talk, fall silent, break and do not listen."""
import itertools
import re
import socket
import threading
import time

from common import PATIENCE, Server, Wrong, check, client, read_exactly, reset, run

IDLE = 2  # seconds of silence that the server allows here


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

    if client('nc') is None:
        return
    done = run(['nc', '-N', '-w', '5', '127.0.0.1', server.port],
               input='cid\nhi from a terminal\n')
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


def demo(build):
    with Server(build, 'chat_server', '--idle', IDLE) as server:
        ann, bob = Person(server, 'ann'), Person(server, 'bob')
        chat_talk(server, ann, bob)
        chat_endings(server, ann, bob)
        chat_slow(server, ann, bob)
        for person in ann, bob:
            person.show()
        server.stop()
