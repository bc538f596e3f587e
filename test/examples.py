#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example programs: what they print, what they refuse, how the servers end.

usage: examples.py BUILD_DIR

Prints a line per check, and last `N passed, N failed[, N skipped]`.
"""
import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from clients.support import read_until, read_until_end, reset

if len(sys.argv) != 2:
    sys.exit(__doc__)
BUILD = pathlib.Path(sys.argv[1]) / 'examples'
PATIENCE = 20  # seconds; for what should take milliseconds on an idle machine
LOOPBACK = '127.0.0.1'
NOBODY = 65534

OUTPUT = {
    'hello': """\
both are spun, neither has run yet
soprano: Hello,
bass: Who
soprano: fiber
bass: goes
soprano: world!
bass: there?
6 words
the tenor has no words
""",
    'timeouts': """\
in time: a page
too late: nothing
another value instead: yesterday's
timeout_error: Connection timed out
an error of your own: example.org is too slow
silent after 3 words
the outer block was cut short
""",
    'restart': """\
type 'm'
type 'o'
type 't'
"mot" finds motet motif
type 'e'
type 't'
"motet" finds motet
""",
    'race': """\
north: asked
west: asked
south: asked
west: no answer
north: given up
a page from the south
east: asked
east: no answer
no page: no answer
left: 0 fibers, 0 connections
""",
    'scopes': """\
soprano: through
tenor: cut short, a sibling failed
no rehearsal: the organ is broken
one of 2: the lights went out
one of 2: the case is missing
the clerk: soprano, a bar too early
the clerk: bass, a tone too low
the clerk: 2 notes
the motet: through
the mass: cut short, deadline
the doors are locked
the evening was too short
all have left but the organist
an encore
""",
    'shield': """\
peer: heard "welcome"
peer: heard "goodbye"
server: the peer has hung up
peer: heard "welcome"
peer: heard "goodbye"
server: enough is enough
room: unlocked
room: music
a fire alarm
room: locked
a fire alarm
room: unlocked
room: locked
the kitchen closes
washed: a cup
the kitchen closes
washed: a cup
washed: a plate
""",
    'process_pool': """\
12: 2 * 2 * 3
13: nobody survived it: exited with 1, exited with 1
97: 97
360: 2 * 2 * 2 * 3 * 3 * 5
1001: 7 * 11 * 13
30030: 2 * 3 * 5 * 7 * 11 * 13
65536: 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2
999999: 3 * 3 * 3 * 7 * 11 * 13 * 37
2 workers died
""",
    'worker_pool': """\
4 primes below 10
25 primes below 100
168 primes below 1000
1229 primes below 10000
2262 primes below 20000
3245 primes below 30000
6 jobs were done by 3 threads
Anna: soup
Anna: salad
Anna: pancakes
Anna: goes home
Berta: roast
Berta: goes home
left: 1 order
""",
    'supervisor': """\
feed: connection 1
pool: opens file 1
api: serves
parser: reads
parser failed: bad line
parser: reads
parser failed: bad line
pool failed: bad line
feed failed: connection lost
pool: opens file 2
parser: reads
feed: connection 2
feed failed: connection lost
parser is done
pool is done
feed: connection 3
feed is done
api is done
""",
}
SQLITE = """\
Ave Maria, for 4 voices
Missa Et ecce, for 12 voices
Spem in alium, for 40 voices
too slow: the query was interrupted
out of time: 3 works are left
no such column: tenor
meanwhile the conductor kept the beat
"""

REDIS = """\
composer: Thomas Tallis
notes: 400
heard: Spem in alium
silence
ERR value is not an integer or out of range
"""

OWN_LOOP = """\
sung to a beat that is not ours
beat 1
beat 2
beat 3
the orchestra hears 4 bytes
the singer hears "amen"
the loop is its owner's again
"""
SERVERS = ('echo_server', 'chat_server')
REAL = ('process_pool',)  # which the simulation cannot run
SIMULATED = ('cancel_everywhere', 'explore')  # which need no other backend
BACKENDS = ('uring', 'libev', 'sim')  # best first


class Skip(Exception):
    pass


def expect(seen, wanted, what):
    if seen != wanted:
        raise AssertionError(f'{what}: {seen!r}, not {wanted!r}')


def run(name, *arguments, program=None, **how):
    environment = {**os.environ, 'LC_ALL': 'C', **how.pop('env', {})}
    return subprocess.run([program or BUILD / name, *arguments], env=environment,
                          capture_output=True, text=True, timeout=PATIENCE, **how)


def expect_refusal(done, *named):
    """One sentence on stderr that names what was wrong, and exit code 1."""
    expect(done.returncode, 1, f'exit code ({done.stderr.strip()})')
    expect(done.stdout, '', 'stdout')
    expect(done.stderr.count('\n'), 1, f'lines in {done.stderr!r}')
    for word in named:
        if word not in done.stderr:
            raise AssertionError(f'{done.stderr!r} does not name {word!r}')


class Server:
    def __init__(self, name, *arguments, **how):
        self.process = subprocess.Popen(
            [BUILD / name, '--port', '0', *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1, **how)
        first = self.process.stdout.readline()
        found = re.fullmatch(r'listening on 127\.0\.0\.1:(\d+)\n', first)
        if found is None:
            self.process.kill()
            raise AssertionError(f'{first!r}, {self.process.communicate()[1]!r}')
        self.port = int(found[1])
        self.backend = self.process.stderr.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def connect(self):
        return socket.create_connection((LOOPBACK, self.port), timeout=PATIENCE)

    def expect_end(self, number):
        """By this signal, in order, and without a complaint."""
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=PATIENCE)
        expect(self.process.returncode, 128 + number, 'exit code')
        expect(complaints, '', 'stderr')

    def processor_seconds(self):
        status = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text()
        fields = status.rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def comes_back(peer, data):
    peer.sendall(data)
    seen = b''
    while len(seen) < len(data) and (more := peer.recv(1 << 16)):
        seen += more
    expect(seen, data, 'what came back')


# --- The checks. The sentence after `def` is the name that is printed. ----------------

def prints(name, backend):
    done = run(name, env={'MOTET_BACKEND': backend})
    expect(done.stderr, '', 'stderr')
    expect(done.stdout, OUTPUT[name], 'stdout')
    expect(done.returncode, 0, 'exit code')


def is_built(name, library):
    if not (BUILD / name).exists():
        raise Skip(f'{library} was not there when this was built')


def queries(name, backend):
    is_built(name, 'sqlite3')
    done = run(name, env={'MOTET_BACKEND': backend})
    expect(done.stderr, '', 'stderr')
    expect(done.stdout, SQLITE, 'stdout')
    expect(done.returncode, 0, 'exit code')


def talks_to_a_server(name, backend):
    is_built(name, 'hiredis')
    program = shutil.which('redis-server')
    if program is None:
        raise Skip('no redis-server')
    with socket.create_server((LOOPBACK, 0)) as free:
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
            [program, '--port', port, '--bind', LOOPBACK, '--save', '', '--dir', folder],
            stdout=subprocess.PIPE, text=True) as server:
        try:
            seen = []
            for line in server.stdout:
                seen.append(line)
                if 'Ready to accept connections' in line:
                    break
            else:
                raise AssertionError(f'{program}: {"".join(seen)}')
            done = run(name, '--port', port, env={'MOTET_BACKEND': backend})
            expect(done.stderr, '', 'stderr')
            expect(done.stdout, REDIS, 'stdout')
            expect(done.returncode, 0, 'exit code')
        finally:
            server.terminate()


def runs_in_its_own_loop(name):
    done = run(name)
    expect(done.stderr, '', 'stderr')
    expect(done.stdout, OWN_LOOP, 'stdout')
    expect(done.returncode, 0, 'exit code')


def finds(name, bug, *found):
    done = run(name, '--bug', str(bug))
    for text in found:
        expect(text in done.stdout, True, f'{text!r} in {done.stdout!r}')
    expect(done.returncode, int(bug != 0), 'exit code')


def helps(name):
    done = run(name, '--help')
    expect(done.returncode, 0, 'exit code')
    expect(done.stderr, '', 'stderr')
    expect(done.stdout.startswith(f'usage: {name}'), True, 'starts with its usage')
    for option in ['--help'] + ['--port N', '--idle SECONDS'] * (name in SERVERS):
        expect(option in done.stdout, True, f'mentions {option}')


def refuses(name, *arguments):
    expect_refusal(run(name, *arguments), name, arguments[-1])


def refuses_an_unknown_backend(name):
    expect_refusal(run(name, env={'MOTET_BACKEND': 'pigeon'}), name, 'pigeon')


def refuses_a_port_in_use(name):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        expect_refusal(run(name, '--port', port), name, port, 'Address already in use')


def refuses_a_privileged_port(name):
    setting = pathlib.Path('/proc/sys/net/ipv4/ip_unprivileged_port_start')
    if setting.exists() and int(setting.read_text()) <= 1:
        raise Skip('everybody may bind any port here')
    who = {}
    with tempfile.TemporaryDirectory() as folder:
        program = BUILD / name
        if os.geteuid() == 0:  # an ordinary user may not get to where the build is
            os.chmod(folder, 0o755)
            program = shutil.copy(program, folder)
            who = {'user': NOBODY, 'group': NOBODY, 'extra_groups': [], 'cwd': '/'}
        done = run(name, '--port', '1', program=program, **who)
    if 'motet needs io_uring' in done.stderr:
        raise Skip(done.stderr.strip())
    expect_refusal(done, name, '127.0.0.1:1', 'Permission denied')


def says_where_it_listens_and_how(name):
    with Server(name) as server:
        expect(server.backend, f'backend: {os.environ["MOTET_BACKEND"]}\n', 'first line on stderr')
        server.connect().close()


def ends_by(name, number):
    with Server(name) as server:
        server.expect_end(number)


def hangs_up_and_ends_by(name, number):
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server(name))
        peers = [open_ones.enter_context(server.connect()) for _ in range(10)]
        for peer in peers:  # served, not only in the backlog
            peer.sendall(b'here\n')
            peer.recv(1)
        server.expect_end(number)
        for peer in peers:
            with contextlib.suppress(ConnectionResetError):
                read_until_end(peer)


def does_nothing_when_nothing_happens(name):
    with Server(name) as server, server.connect() as peer:
        peer.sendall(b'here\n')
        peer.recv(1000)
        before = server.processor_seconds()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        used = server.processor_seconds() - before
        expect(used < 0.1, True, f'less than 0.1 s of processor time in 0.5 s: {used}')


def waits_for_descriptors(name):
    """At its limit it neither ends nor spins, and goes on when there are some again."""
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server(name, preexec_fn=few_descriptors))
        peers = [open_ones.enter_context(server.connect()) for _ in range(40)]
        complaint = server.process.stderr.readline()
        expect('Too many open files' in complaint, True, f'says so: {complaint!r}')
        before = server.processor_seconds()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        used = server.processor_seconds() - before
        expect(used < 0.1, True, f'less than 0.1 s of processor time in 0.5 s: {used}')
        for peer in peers[:-1]:
            peer.close()
        peers[-1].sendall(b'here\n')
        expect(peers[-1].recv(1000) != b'', True, 'the last one in the queue is served')
        server.expect_end(signal.SIGTERM)


def echoes_to_a_hundred_at_a_time():
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server('echo_server'))
        peers = [(open_ones.enter_context(server.connect()), os.urandom(1000))
                 for _ in range(100)]
        for peer, data in peers:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        for peer, data in peers:
            expect(read_until_end(peer), data, 'what came back')


def echo_survives_resets_and_hangs_up_on_the_silent():
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server('echo_server', '--idle', '1'))
        silent = open_ones.enter_context(server.connect())
        witness = open_ones.enter_context(server.connect())
        silent.settimeout(0.1)
        for _ in range(PATIENCE * 10):
            dying = server.connect()
            dying.sendall(b'die')
            reset(dying)
            comes_back(witness, b'still there?')
            with contextlib.suppress(TimeoutError):
                expect(silent.recv(1), b'', 'what the silent one gets')
                break
        else:
            raise AssertionError('the silent one is still connected')
        comes_back(witness, b'and now?')
        server.expect_end(signal.SIGTERM)


def chat_tells_who_comes_speaks_and_goes():
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server('chat_server'))
        ann = open_ones.enter_context(server.connect())
        ann.sendall(b'ann\r\n')
        read_until(ann, b'* nobody else is here\n')
        bob = server.connect()
        bob.sendall(b'ann\nb b\nbob\nhello\x1b[2J\n')
        read_until(bob, b'is taken')
        read_until(ann, b'* bob is here\nbob: hello[2J\n')
        reset(bob)
        read_until(ann, b'* bob has left (Connection reset by peer)\n')
        with server.connect() as cid:
            cid.sendall(b'cid\n' + b'x' * 2000)
            read_until(ann, b'* cid has left (Message too long)\n')
        server.expect_end(signal.SIGTERM)


def chat_announces_the_silent():
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server('chat_server', '--idle', '1'))
        eve = open_ones.enter_context(server.connect())
        eve.sendall(b'eve\n')
        read_until(eve, b'* nobody else is here\n')
        ann = open_ones.enter_context(server.connect())
        ann.sendall(b'ann\n')
        ann.settimeout(0.1)
        seen = b''
        for _ in range(PATIENCE * 10):
            ann.sendall(b'well\n')
            with contextlib.suppress(TimeoutError):
                seen += ann.recv(1000)
            if b'* eve has left (silent for too long)\n' in seen:
                break
        else:
            raise AssertionError(f'ann saw {seen!r}')
        read_until_end(eve)


def threads_serve_one_port(how, number):
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(Server('threads', '--threads', '3', '--hand-over', how))
        peers = [(open_ones.enter_context(server.connect()), os.urandom(1000).hex().encode())
                 for _ in range(60)]
        for peer, data in peers:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        seen = set()
        for peer, data in peers:
            back = read_until_end(peer)
            seen.add(back[:1])
            expect(back.replace(back[:3], b''), data, 'what came back')
        # 60 peers that all come to one of three threads: once in 10^27 times.
        expect(len(seen) > 1 and seen <= {b'0', b'1', b'2'}, True, f'several threads: {seen}')
        witness = open_ones.enter_context(server.connect())
        witness.sendall(b'here')
        witness.recv(100)
        server.expect_end(number)


def all_checks():
    for name in OUTPUT:
        for backend in BACKENDS:
            if backend != 'sim' or name not in REAL:
                yield prints, name, backend
    for name in *OUTPUT, *SERVERS, *SIMULATED:
        yield helps, name
        yield refuses, name, '--nonsense'
        yield refuses, name, 'surplus'
        if name not in SIMULATED:
            yield refuses_an_unknown_backend, name
    for backend in BACKENDS:
        yield queries, 'sqlite', backend
        if backend != 'sim':
            yield talks_to_a_server, 'redis', backend
    if (BUILD / 'own_loop').exists():  # where libev is
        yield runs_in_its_own_loop, 'own_loop'
        yield helps, 'own_loop'
        yield refuses, 'own_loop', '--nonsense'
    yield helps, 'threads'
    yield refuses, 'threads', '--threads', '0'
    for how in '0', '1':
        for number in signal.SIGINT, signal.SIGTERM:
            yield threads_serve_one_port, how, number
    everywhere = 'cancel_everywhere'
    yield refuses, everywhere, '--bug', '3'
    yield finds, everywhere, 0, ': waits for a point in time\n', 'nothing is wrong\n'
    yield finds, everywhere, 1, ' runs failed\n', 'afterwards: 1 tickets are lost'
    yield finds, everywhere, 2, ' runs failed\n', 'does not end', 'in a shield'
    yield refuses, 'explore', '--courses', '0'
    yield finds, 'explore', 0, 'right on 1000 courses'
    yield finds, 'explore', 1, 'ann is not online', 'MOTET_SEED=', ' runs before '
    for name in SERVERS:
        for number in 'x', '', '-1', '65536', '7x', '99999999999999999999':
            yield refuses, name, '--port', number
        yield refuses, name, '--idle', '0'
        yield refuses, name, '--port'
        yield refuses_a_port_in_use, name
        yield refuses_a_privileged_port, name
        yield says_where_it_listens_and_how, name
        for number in signal.SIGINT, signal.SIGTERM:
            yield ends_by, name, number
            yield hangs_up_and_ends_by, name, number
        yield does_nothing_when_nothing_happens, name
        yield waits_for_descriptors, name
    yield (echoes_to_a_hundred_at_a_time,)
    yield (echo_survives_resets_and_hangs_up_on_the_silent,)
    yield (chat_tells_who_comes_speaks_and_goes,)
    yield (chat_announces_the_silent,)


def title(check, *arguments):
    said = [a.name if isinstance(a, signal.Signals) else repr(a) if a == '' else str(a)
            for a in arguments]
    subject, said = said[:1], said[1:]
    return ' '.join(subject + [check.__name__.replace('_', ' ')] + said)


def refusal_of(backend):
    """Why programs cannot run on this backend here, or None."""
    done = run('hello', env={'MOTET_BACKEND': backend})
    return done.stderr.strip() if done.returncode else None


def main():
    passed = failed = skipped = 0
    refusals = {backend: refusal_of(backend) for backend in BACKENDS}
    usable = [backend for backend in BACKENDS if not refusals[backend]]
    # On purpose, so that nothing is said of falling back.
    os.environ['MOTET_BACKEND'] = usable[0]
    no_kernel = refusals['uring'] if usable[0] == 'sim' else None
    on_each_backend = (prints, queries, talks_to_a_server)
    without_kernel = (prints, queries, finds, helps, refuses, refuses_an_unknown_backend)
    for check, *arguments in all_checks():
        name = title(check, *arguments)
        try:
            if check in on_each_backend and refusals[arguments[-1]]:
                raise Skip(refusals[arguments[-1]])
            if no_kernel and check not in without_kernel:
                raise Skip(no_kernel)
            check(*arguments)
            passed += 1
            print(f'ok {name}', flush=True)
        except Skip as reason:
            skipped += 1
            print(f'skipped {name}: {reason}', flush=True)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f'FAILED {name}: {error}', flush=True)
    also = f', {skipped} skipped' if skipped else ''
    print(f'{passed} passed, {failed} failed{also}')
    sys.exit(failed > 0)


main()
