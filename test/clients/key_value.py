#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The key-value server under redis-cli, redis-benchmark and hostile clients, and beside
redis-server, which has to give the same answers to the same bytes.

usage: key_value.py BUILD_DIR
"""
import contextlib
import itertools
import random
import signal
import socket
import subprocess
import tempfile
import time

import support
from support import LOOPBACK, PATIENCE, Server, expect, expect_in, wait_until

EXAMPLE = 'key_value'


def request(*words):
    """As clients send it: an array of bulk strings."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word)
                                              for word in words)


class Client:
    """A connection on which requests are sent and answers taken one by one."""

    def __init__(self, server):
        self.peer = server.connect()
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.peer.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.peer.close()

    def reset(self):
        self.file.close()
        support.reset(self.peer)

    def send(self, *words):
        self.peer.sendall(request(*words))

    def answer(self):
        """The next one: as bytes, int, None, list; errors as text."""
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise AssertionError(f'the connection ended: {line!r}')
        kind, rest = line[:1], line[1:-2]
        if kind == b'$':
            return None if rest == b'-1' else self.file.read(int(rest) + 2)[:-2]
        if kind == b'*':
            return None if rest == b'-1' else [self.answer() for _ in range(int(rest))]
        return int(rest) if kind == b':' else rest.decode()

    def ask(self, *words):
        self.send(*words)
        return self.answer()

    def rest(self):
        """What comes until the other side hangs up."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b''


class Redis:
    """The real one."""

    def __init__(self):
        program = support.require('redis-server')
        with socket.create_server((LOOPBACK, 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [program, '--port', str(self.port), '--bind', LOOPBACK, '--save', '',
             '--appendonly', 'no', '--dir', self.folder.name],
            stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        for line in self.process.stdout:
            if 'Ready to accept connections' in line:
                return self
        raise AssertionError('redis-server did not start')

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def connect(self):
        return socket.create_connection((LOOPBACK, self.port), timeout=PATIENCE)


# --- The same answers as redis-server -------------------------------------------------

# Good, bad and strange, in this order on one connection.
CONVERSATION = '''
ping | ping hello | ping a b | PiNg | echo hi | echo | echo a b | nonsense | nonsense a b
get a | set a 1 | get a | GET a b | set | set a | set a 2 xx | set a 3 nx | set b 3 xx
set b 3 nx | set b 4 nx xx | set b 4 px | set b 4 ex ten | set b 4 ex 0 | set b 4 px -5
set b 4 ex 9223372036854775807 | set b 4 px 9223372036854775807 | set b 4 banana
set b 4 ex 10 px 10 | get b | set c 5 ex 100 | ttl c | set c 6 px 100000 xx | ttl c
set c 7 | ttl c | exists a b c d a | exists | del a b nothing | del | exists a b
type a | type c | type l | rpush l a b c | type l | unlink c nothing
incr n | incr n | decr n | incrby n 40 | decrby n 2 | get n | incr | incr n n
incrby n x | incrby n 1.5 | incrby n 9223372036854775807 | set n 9223372036854775807
incr n | decr n | set n -9223372036854775808 | decr n | decrby n -9223372036854775808
set n 007 | incr n | set n +1 | incr n | set n -0 | incr n | set n 1.0 | incr n
set n 9223372036854775808 | incr n | set n text | incr n | get l | incr l | set s text
lpush s x | llen s | lpop s | lrange s 0 1 | blpop s 1 | expire nothing 5 | expire s 100
ttl s | pttl nothing | ttl nothing | persist s | persist s | persist nothing | ttl s
expire s ten | expire s 9223372036854775807 | expire s -9223372036854775808
pexpire s 100000 | ttl s | set s other | ttl s | expire s 0 | get s | set s x
expire s -1 | exists s | set s x | pexpire s 0 | exists s | expire s | expire s 1 banana
lpush l 0 | rpush l 9 | llen l | lrange l 0 -1 | lrange l -2 -1 | lrange l 5 1
lrange l -100 100 | lrange l x 1 | lrange nothing 0 -1 | llen nothing | lpush l | llen
lpop l | rpop l | lpop l 2 | lpop l 0 | lpop l -1 | lpop l x | lpop l 100 | lpop l
lpop l 1 | exists l | rpop l 1 2 | lpop | rpush m 1 2 3 | rpop m 2 | lpop m | lpop m
rpush l one two | blpop l 0 | brpop nothing l 0 | blpop l 0.01 | blpop l nan | blpop l -1
blpop l x | blpop l | blpop | set t 1 | incr t | mset a 1 b 2 | mget a b z l
mset a 1 b | mset | mget | publish news hello | publish news | unsubscribe | unsubscribe x
subscribe x | subscribe y x | get a | ping | ping hello | publish x 1 | unsubscribe x
blpop l 0 | unsubscribe | ping | get a | flushall banana | flushall sync async | dbsize
config get save | config get appendonly | config get nothing | flushall | dbsize | dbsize x
client getname | client setname me | client getname | client setname | client id x
set k1 1 | keys k* | keys k? | keys k[^0-9] | keys k[0-9] | keys \\k1 | keys x* | keys
'''

# Each on a connection of its own: bytes, after which the client says nothing more.
NONSENSE = [
    b'PING\r\n', b'PING\n', b'\r\n\r\nPING\r\n', b'  set  k  v  \r\nget k\r\n',
    b'echo "a b\\x41\\n\\q\\"c"\r\n', b"echo 'it\\'s \\n'\r\n", b'echo "a"b\r\nPING\r\n',
    b"echo 'a\r\nPING\r\n", b'echo "a\\\r\n', b'echo a"b c"\r\n', b'echo "" \'\'\r\n',
    b'echo ""\r\n', b'echo "\\xg1\\x4"\r\n', b'*0\r\nPING\r\n', b'*-1\r\nPING\r\n',
    b'*\r\n', b'*x\r\n', b'*1x\r\n', b'* 1\r\n', b'*01\r\n', b'*2147483648\r\n',
    b'*99999999999999999999\r\n', b'*-99999999999999999999\r\n', b'*1\r\nPING\r\n',
    b'*1\r\n$x\r\n', b'*1\r\n$-1\r\n', b'*1\r\n$\r\n', b'*1\r\n$+4\r\nPING\r\n',
    b'*1\r\n$536870913\r\n', b'*1\r\n$99999999999999999999\r\n', b'*1\r\n:4\r\nPING\r\n',
    b'*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n', b'*1\rx$4\rxPING\r\n',
    b'PING\r\n*1\r\n$x\r\nPING\r\n', b'*1\r\n\r\n\r\n', b'*2\r\n$4\r\nECHO\r\n$0\r\n\r\n',
    request('a\r\nb', 'c\r\nd'), request('x' * 200, 'y' * 200, 'z'), request(b'\xff\xfe'),
    request('quit') + request('ping'),
    b'POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n', b'*' + b'1' * 70000, b'*1\r\n$' + b'1' * 70000, b'x' * 70000,
    request('') + request('ping'), request('get', '') + request('set', '', ''),
]


def commands_of(text):
    return [command.split() for line in text.strip().splitlines()
            for command in line.split('|')]


def the_same_conversation_as_with_redis(backend):
    with Redis() as redis, Server(EXAMPLE, backend=backend) as server, \
            Client(redis) as theirs, Client(server) as ours:
        for words in commands_of(CONVERSATION):
            wanted, seen = theirs.ask(*words), ours.ask(*words)
            more = 2 if words[0] == 'subscribe' and len(words) > 2 else 1
            more = 2 if words == ['unsubscribe'] and isinstance(wanted, list) \
                and wanted[2] == 1 else more
            for _ in range(more - 1):
                wanted, seen = [wanted, theirs.answer()], [seen, ours.answer()]
            expect(seen, wanted, ' '.join(words))


def all_that_is_said_to(server, data):
    with server.connect() as peer:
        with contextlib.suppress(ConnectionError):
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        answers = b''
        with contextlib.suppress(ConnectionError):
            while more := peer.recv(1 << 16):
                answers += more
        return answers


def the_same_answers_to_nonsense_as_redis_gives(backend):
    with Redis() as redis, Server(EXAMPLE, backend=backend) as server:
        for data in NONSENSE:
            expect(all_that_is_said_to(server, data), all_that_is_said_to(redis, data),
                   f'{data[:80]!r}')
        server.stop()


def the_same_answers_to_random_bytes_as_redis_gives(backend):
    """Requests that something was done to, and then one that tells whether the end of
    them was found."""
    pieces = [b'\r\n', b'*', b'$', b'1', b'-', b'"', b"'", b'\\', b' ', b'x', b'\r', b'\n']
    dice = random.Random(1)
    with Redis() as redis, Server(EXAMPLE, backend=backend) as server:
        for _ in range(200):
            data = bytearray(b''.join(
                request(*words) for words in dice.sample(FUZZED, 3)))
            for _ in range(dice.randrange(1, 4)):
                at = dice.randrange(len(data))
                data[at:at + dice.randrange(3)] = dice.choice(pieces)
            data = bytes(data) + b'\r\nPING\r\n'
            expect(all_that_is_said_to(server, data), all_that_is_said_to(redis, data),
                   f'{data!r}')


FUZZED = [('ping',), ('set', 'key', 'value'), ('get', 'key'), ('echo', 'good evening'),
          ('del', 'key'), ('rpush', 'list', 'a', 'b'), ('lpop', 'list')]


# --- Real clients ---------------------------------------------------------------------

def redis_cli(server, *words, **how):
    return support.run([support.require('redis-cli', 'redis-tools'), '-p', server.port,
                        *words], **how)


def redis_cli_can_use_every_command(backend):
    said = {
        'ping': 'PONG', 'echo "hello there"': 'hello there', 'set greeting hello': 'OK',
        'get greeting': 'hello', 'set greeting x nx': '', 'exists greeting': '1',
        'expire greeting 100': '1', 'ttl greeting': '100', 'persist greeting': '1',
        'pexpire greeting 100000': '1', 'del greeting': '1', 'incr n': '1', 'decr n': '0',
        'rpush list a b c': '3', 'lpush list z': '4', 'lpop list': 'z', 'rpop list': 'c',
        'llen list': '2', 'blpop list 1': 'list\na', 'brpop list 1': 'list\nb',
        'blpop list 0.01': '', 'publish news hello': '0', 'keys *': 'n', 'dbsize': '1',
        'client setname me': 'OK', 'client getname': 'me', 'config get save': 'save\n',
        'command count': '', 'flushall': 'OK', 'get n n':
        "ERR wrong number of arguments for 'get' command\n"}
    with Server(EXAMPLE, backend=backend) as server:
        script = '\n'.join(said) + '\n'
        done = redis_cli(server, input=script, check=False)
        expect(done.stdout, '\n'.join(said.values()) + '\n', 'stdout')
        expect_in('connected_clients:1', redis_cli(server, 'info').stdout, 'info')
        expect(redis_cli(server, 'client', 'id').stdout.strip().isdigit(), True, 'client id')
        server.stop()


def redis_benchmark_has_no_errors(backend, *options):
    program = support.require('redis-benchmark', 'redis-tools')
    with Server(EXAMPLE, backend=backend) as server:
        done = support.run([program, '-p', server.port, '--csv', '-n', 1000, '-r', 100,
                            '-t', 'ping,set,get,incr,lpush,rpush,lpop,rpop,mset,lrange_100',
                            *options])
        expect(done.stderr, '', 'stderr')
        expect(len(done.stdout.splitlines()) >= 11, True, f'all ran: {done.stdout}')
        server.stop()


def redis_cli_hears_what_another_publishes(backend):
    program = support.require('redis-cli', 'redis-tools')
    with Server(EXAMPLE, backend=backend) as server:
        listener = subprocess.Popen(
            [program, '-p', str(server.port), 'subscribe', 'news', 'weather'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            words = iter(listener.stdout.readline, '')
            expect([word.strip() for word in itertools.islice(words, 6)],
                   ['subscribe', 'news', '1', 'subscribe', 'weather', '2'], 'subscribed')
            expect(redis_cli(server, 'publish', 'weather', 'rain').stdout, '1\n', 'heard by')
            expect(redis_cli(server, 'publish', 'sports', '2:1').stdout, '0\n', 'heard by')
            expect([word.strip() for word in itertools.islice(words, 3)],
                   ['message', 'weather', 'rain'], 'heard')
            server.stop()
            expect(listener.wait(PATIENCE) is not None, True, 'it notices the end')
        finally:
            listener.kill()
            listener.communicate()


# --- Pipelines ------------------------------------------------------------------------

def requests_arrive_in_any_two_pieces(backend):
    data = request('set', 'k', 'a\r\nb') + b'GET k\r\n' + request('echo', '') + b'ping "x"\r\n'
    wanted = b'+OK\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$1\r\nx\r\n'
    with Server(EXAMPLE, backend=backend) as server, Client(server) as cut, \
            Client(server) as other:
        for at in range(len(data) + 1):
            cut.peer.sendall(data[:at])
            other.ask('ping')  # so that the first piece is read by itself
            cut.peer.sendall(data[at:])
            expect(support.read_exactly(cut.peer, len(wanted)), wanted, f'cut at {at}')
        for byte in data:
            cut.peer.sendall(bytes([byte]))
        expect(support.read_exactly(cut.peer, len(wanted)), wanted, 'byte by byte')


def a_pipeline_is_answered_in_order_whatever_its_size(backend):
    count, value = 3000, b'v' * 3000
    with Server(EXAMPLE, backend=backend) as server, Client(server) as client:
        client.ask('set', 'k', value)
        # 9 MB of answers to 60 KB of requests, none of which is read before the last
        # request was sent.
        client.peer.sendall(b''.join(request('get', 'k') + request('echo', i)
                                     for i in range(count)))
        for i in range(count):
            expect((client.answer(), client.answer()), (value, str(i).encode()), 'answers')


# --- Waiting for elements -------------------------------------------------------------

def blocked(server, count):
    """Waits until so many clients wait for an element."""
    with Client(server) as client:
        wait_until(lambda: b'blocked_clients:%d\r\n' % count in client.ask('info'),
                   f'{count} clients wait')


def who_waits_first_gets_the_first_element(backend):
    with Server(EXAMPLE, backend=backend) as server, contextlib.ExitStack() as opened, \
            Client(server) as giver:
        waiting = [opened.enter_context(Client(server)) for _ in range(5)]
        for i, client in enumerate(waiting):
            client.send('blpop', 'other', 'list', 0)
            blocked(server, i + 1)
        expect(giver.ask('rpush', 'list', *range(3)), 3, 'elements')
        expect(giver.ask('rpush', 'list', *range(3, 6)), 3, 'elements')
        for i, client in enumerate(waiting):
            expect(client.answer(), [b'list', b'%d' % i], 'answer')
        expect(giver.ask('lrange', 'list', 0, -1), [b'5'], 'what nobody waited for')
        # What is sent while one waits is answered afterwards.
        waiting[0].peer.sendall(request('blpop', 'late', 0) + request('ping'))
        blocked(server, 1)
        giver.ask('lpush', 'late', 'x')
        expect((waiting[0].answer(), waiting[0].answer()), ([b'late', b'x'], 'PONG'), 'both')


def an_element_for_a_dead_client_goes_to_the_next(backend):
    with Server(EXAMPLE, backend=backend) as server, Client(server) as giver:
        for die in Client.close, Client.reset:
            with Client(server) as alive:
                dying = Client(server)
                dying.send('blpop', 'list', 0)
                blocked(server, 1)
                alive.send('blpop', 'list', 0)
                blocked(server, 2)
                # Both reach the server while it does nothing: it has not seen the one
                # when it does the other.
                server.process.send_signal(signal.SIGSTOP)
                wait_until(lambda: server.state() == 'T', 'it is stopped')
                giver.send('rpush', 'list', 'precious')
                die(dying)
                server.process.send_signal(signal.SIGCONT)
                expect(giver.answer(), 1, 'length')
                expect(alive.answer(), [b'list', b'precious'], 'the next gets it')
        expect(giver.ask('exists', 'list'), 0, 'left')
        blocked(server, 0)


def nothing_is_lost_when_clients_die_at_random(backend):
    elements, dice = 200, random.Random(2)
    with Server(EXAMPLE, backend=backend) as server, Client(server) as giver:
        waiting, got = [], []
        for i in range(elements):
            client = Client(server)
            client.send('blpop', 'list', 0)
            waiting.append(client)
            giver.send('rpush', 'list', i)
            if dice.random() < 0.5:
                waiting.pop(dice.randrange(len(waiting))).close()
            giver.answer()
            while waiting and dice.random() < 0.6:
                client = waiting.pop(0)
                client.peer.settimeout(0.001)
                try:
                    got.append(int(client.answer()[1]))
                except TimeoutError:
                    client.peer.settimeout(PATIENCE)
                    client.close()
        for client in waiting:
            client.close()
        blocked(server, 0)
        left = [int(element) for element in giver.ask('lrange', 'list', 0, -1)]
        # What a client had been sent before it died is its own; nothing came twice.
        seen = got + left
        expect(len(seen), len(set(seen)), 'each once')
        server.stop()


# --- Time -----------------------------------------------------------------------------

def keys_expire_whether_asked_for_or_not(backend):
    with Server(EXAMPLE, backend=backend) as server, Client(server) as client:
        for i in range(300):
            client.ask('set', f'k{i}', 'v', 'px', 50)
        client.ask('set', 'later', 'v', 'ex', 1000)
        client.ask('set', 'stays', 'v')
        expect(client.ask('pttl', 'later') > 990_000, True, 'time to live')
        wait_until(lambda: client.ask('dbsize') == 2, 'the others are gone')
        expect(client.ask('mget', 'k7', 'stays'), [None, b'v'], 'values')


def silent_clients_are_hung_up_on(backend):
    with Server(EXAMPLE, '--idle', 1, backend=backend) as server, \
            Client(server) as silent, Client(server) as listening, \
            Client(server) as waiting, Client(server) as half:
        listening.ask('subscribe', 'news')
        waiting.send('blpop', 'list', 0)
        half.peer.sendall(b'*2\r\n$4\r\nECHO')
        start = time.monotonic()
        expect((silent.rest(), half.rest()), (b'', b''), 'nothing is said')
        expect(time.monotonic() - start >= 0.9, True, 'not earlier')
        with Client(server) as other:  # those who wait for something have time
            expect(other.ask('publish', 'news', 'x'), 1, 'listening')
            other.ask('rpush', 'list', 'x')
            expect(waiting.answer(), [b'list', b'x'], 'waiting')


# --- Limits ---------------------------------------------------------------------------

def a_subscriber_that_does_not_read_is_cut_off(backend):
    with Server(EXAMPLE, '--unread', 1, backend=backend) as server, \
            Client(server) as deaf, Client(server) as keen, Client(server) as speaker:
        deaf.ask('subscribe', 'news')
        keen.ask('subscribe', 'news')
        heard = 0
        for spoken in range(1, 1000):
            listeners = speaker.ask('publish', 'news', b'x' * 100_000)
            if listeners == 1:
                break
            keen.answer()
            heard += 1
        expect(listeners, 1, 'one is left')
        expect(len(keen.answer()[2]), 100_000, 'the other hears all')
        deaf.rest()  # what had been sent before, and then the end


def a_client_that_does_not_read_is_cut_off(backend):
    with Server(EXAMPLE, '--patience', 1, backend=backend) as server, \
            Client(server) as deaf, Client(server) as other:
        deaf.ask('set', 'k', b'v' * 1_000_000)
        before = server.resident_kb()
        deaf.peer.sendall(request('get', 'k') * 50)
        wait_until(lambda: b'connected_clients:1\r\n' in other.ask('info'), 'it is gone')
        grown = server.resident_kb() - before
        expect(grown < 25_000, True, f'50 MB of answers were not all made: {grown} kB')


def what_is_only_announced_takes_no_memory(backend):
    with Server(EXAMPLE, backend=backend) as server, contextlib.ExitStack() as opened:
        before = server.resident_kb()
        for announced in b'*1048576\r\n', b'*1\r\n$536870912\r\nabc':
            for _ in range(50):
                opened.enter_context(server.connect()).sendall(announced)
        with Client(server) as client:
            expect(client.ask('ping'), 'PONG', 'others are served')
        grown = server.resident_kb() - before
        expect(grown < 10_000, True, f'100 clients: {grown} kB')


def larger_words_than_allowed_are_refused(backend):
    with Server(EXAMPLE, '--word', 1, backend=backend) as server:
        size = 1 << 20
        with Client(server) as client:
            expect(client.ask('set', 'k', b'v' * size), 'OK', 'the largest')
            expect(client.ask('get', 'k'), b'v' * size, 'it comes back')
            expect(client.ask('mget', *['k'] * 1000), 'ERR answer too large', 'a gigabyte')
            expect(client.ask('ping'), 'PONG', 'it goes on')
        said = all_that_is_said_to(server, request('set', 'k', b'v' * (size + 1)))
        expect(said, b'-ERR Protocol error: invalid bulk length\r\n', 'one more byte')
        said = all_that_is_said_to(server, request('mset', *[b'v' * size] * 4))
        expect(said, b'-ERR Protocol error: too big request\r\n', 'many of them')


def more_clients_than_allowed_wait(backend):
    with Server(EXAMPLE, '--clients', 2, backend=backend) as server, \
            Client(server) as one, Client(server) as two, Client(server) as three:
        expect((one.ask('ping'), two.ask('ping')), ('PONG', 'PONG'), 'two')
        three.send('ping')
        three.peer.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f'the third is served: {three.peer.recv(100)!r}')
        three.peer.settimeout(PATIENCE)
        one.close()
        expect(support.read_exactly(three.peer, 7), b'+PONG\r\n', 'the third, in time')


# --- The end --------------------------------------------------------------------------

def what_was_begun_is_answered_when_the_server_stops(backend):
    with Server(EXAMPLE, backend=backend) as server, Client(server) as busy, \
            Client(server) as idle, Client(server) as waiting:
        size = 8_000_000
        busy.ask('set', 'k', b'v' * size)
        busy.send('get', 'k')
        busy.peer.recv(1)  # it has begun, and is more than buffers hold
        idle.ask('ping')
        waiting.send('blpop', 'list', 0)
        blocked(server, 1)
        server.process.send_signal(signal.SIGTERM)
        expect((idle.rest(), waiting.rest()), (b'', b''), 'those without an answer to come')
        expect(server.process.poll(), None, 'it still writes')
        expect(len(busy.rest()), len(b'8000000\r\n') + size + 2, 'the answer')
        expect(server.process.wait(PATIENCE), 128 + signal.SIGTERM, 'exit code')
        expect_in('backend:', server.stderr(), 'stderr')
        expect(len(server.stderr().splitlines()), 1, f'lines there: {server.stderr()}')


def checks():
    everywhere = [
        the_same_conversation_as_with_redis, redis_cli_can_use_every_command,
        redis_benchmark_has_no_errors, redis_cli_hears_what_another_publishes,
        requests_arrive_in_any_two_pieces, an_element_for_a_dead_client_goes_to_the_next,
        what_was_begun_is_answered_when_the_server_stops,
    ]
    once = [
        the_same_answers_to_nonsense_as_redis_gives,
        the_same_answers_to_random_bytes_as_redis_gives,
        a_pipeline_is_answered_in_order_whatever_its_size,
        who_waits_first_gets_the_first_element, nothing_is_lost_when_clients_die_at_random,
        keys_expire_whether_asked_for_or_not, silent_clients_are_hung_up_on,
        a_subscriber_that_does_not_read_is_cut_off, a_client_that_does_not_read_is_cut_off,
        what_is_only_announced_takes_no_memory, larger_words_than_allowed_are_refused,
        more_clients_than_allowed_wait,
    ]
    backends = support.backends()
    for backend in backends:
        for check in everywhere + once * (backend == backends[0]):
            yield check, backend
        yield redis_benchmark_has_no_errors, backend, '-P', '16'


support.main(checks())
