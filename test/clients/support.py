# SPDX-License-Identifier: MIT
"""What the tests with real clients share: servers, clients, counting.

A script ends with `support.main(checks)`: functions, or tuples of one and its arguments.
The name of a function says what it checks, in words. A check that needs a program calls
`require` for it. If that is not installed, the check is skipped, visibly; with
MOTET_NEEDS_CLIENTS=1 in the environment it fails.
"""
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

PATIENCE = 20  # seconds; for what should take milliseconds on an idle machine
LOOPBACK = '127.0.0.1'
CLIENTS_NEEDED = os.environ.get('MOTET_NEEDS_CLIENTS') == '1'


class Skip(Exception):
    """Something that this machine lacks."""


def require(program, package=None):
    """The path of a program, of a Debian package of the same name if none is given."""
    path = shutil.which(program)
    if path is None and CLIENTS_NEEDED:
        raise AssertionError(f'{program} is not installed (package {package or program})')
    if path is None:
        raise Skip(f'{program} is not installed')
    return path


def build_directory():
    if len(sys.argv) < 2:
        sys.exit(f'usage: {pathlib.Path(sys.argv[0]).name} BUILD_DIR')
    return pathlib.Path(sys.argv[1])


def example(name):
    """The path of an example program, which may have needed a library to be built."""
    folder = build_directory() / 'examples'
    for path in folder / name, *folder.glob(f'*/{name}'):
        if path.is_file():
            return path
    if CLIENTS_NEEDED:
        raise AssertionError(f'the example {name} is not built')
    raise Skip(f'the example {name} is not built')


def backends():
    """Those that servers can use here, best first."""
    found = []
    for name in 'uring', 'libev':
        done = subprocess.run([example('hello')], env={**os.environ, 'MOTET_BACKEND': name},
                              capture_output=True, timeout=PATIENCE)
        if done.returncode == 0:
            found.append(name)
    if not found:
        raise Skip('no backend but the simulated one')
    return found


def need_descriptors(count):
    """Here, and in all that is started from here. @returns how many there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        soft = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def expect(seen, wanted, what):
    if seen != wanted:
        raise AssertionError(f'{what}: {seen!r}, not {wanted!r}')


def expect_in(wanted, seen, what):
    if wanted not in seen:
        raise AssertionError(f'{what}: no {wanted!r} in {seen!r}')


def wait_until(true, what, within=PATIENCE):
    """Asks again and again, a little later each time."""
    end, pause = time.monotonic() + within, 0.001
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f'not within {within} s: {what}')
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def run(command, timeout=PATIENCE, check=True, **how):
    """Runs a client. @returns what subprocess.run does, with text in stdout and stderr."""
    how = {'capture_output': True, 'text': True, 'errors': 'replace', **how}
    done = subprocess.run([str(word) for word in command], timeout=timeout, **how)
    if check and done.returncode != 0:
        raise AssertionError(f'{" ".join(map(str, command))}: exit code {done.returncode}: '
                             f'{done.stdout[-1000:]}{done.stderr[-1000:]}')
    return done


class Server:
    """A server that was started for a check, `with Server('echo_server') as server:`.

    It has to print "listening on ADDRESS:PORT", or on a path, as its first line. Its
    standard error goes to a file, and is shown if a check fails.
    """

    def __init__(self, name, *arguments, backend=None, port=0, limits=(), env=(),
                 wrapper=()):
        command = [*wrapper, example(name)]
        if port is not None:
            command += ['--port', port]
        environment = {**os.environ, **dict(env)}
        if backend:
            environment['MOTET_BACKEND'] = backend

        def limit():
            for what, count in limits:
                resource.setrlimit(what, (count, count))

        self.name, self.backend = name, backend
        self.log = os.memfd_create('stderr')
        self.process = subprocess.Popen(
            [str(word) for word in command + list(arguments)], stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL, stderr=self.log, env=environment, text=True,
            preexec_fn=limit if limits else None)
        self.pid = self.process.pid
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        first = self.process.stdout.readline() if ready else ''
        found = re.fullmatch(r'listening on (.+)\n', first)
        if found is None:
            self.end()
            raise AssertionError(f'{name} printed {first!r}, and {self.stderr()!r}')
        self.address = found[1]
        host, _, number = self.address.rpartition(':')
        self.host, self.port = host.strip('[]'), int(number) if number.isdigit() else 0

    def __str__(self):
        return f'on {self.backend}' if self.backend else self.name

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and issubclass(kind, Exception):
            print(f'{self.process.args}: {self.stderr()}', flush=True)
        self.end()

    def end(self):
        """At once; `stop` is the polite way."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stderr(self):
        """What it has written there so far."""
        return os.pread(self.log, 1 << 20, 0).decode(errors='replace')

    def url(self, path='/'):
        return f'http://{self.address}{path}'

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def stop(self, number=signal.SIGTERM, within=PATIENCE):
        """Asks it to end, and expects that it does, as by this signal."""
        self.process.send_signal(number)
        expect(self.process.wait(within), 128 + number, f'exit code ({self.stderr()!r})')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def resident_kb(self):
        status = pathlib.Path(f'/proc/{self.pid}/status').read_text()
        return int(re.search(r'^VmRSS:\s+(\d+) kB', status, re.MULTILINE)[1])

    def state(self):
        """As ps says it: 'S' sleeps, 'T' is stopped."""
        return pathlib.Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()[0]

    def processor_seconds(self):
        """Of all its threads so far, to the nanosecond."""
        tasks = pathlib.Path(f'/proc/{self.pid}/task').glob('*/schedstat')
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def read_until_end(peer):
    data = b''
    while more := peer.recv(1 << 16):
        data += more
    return data


def read_until(peer, text):
    data = b''
    while text not in data:
        more = peer.recv(1 << 16)
        if not more:
            raise AssertionError(f'the end came before {text!r}: {data!r}')
        data += more
    return data


def read_exactly(peer, size):
    data = b''
    while len(data) < size:
        more = peer.recv(size - len(data))
        if not more:
            raise AssertionError(f'the end came after {len(data)} of {size} bytes')
        data += more
    return data


def reset(peer):
    """Closes without goodbye: the other side gets a reset, as if we had been killed."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()


def title(check, *arguments):
    return ' '.join([check.__name__.replace('_', ' '), *map(str, arguments)])


def entries(checks):
    """Those of a generator that may itself lack something: that counts as one more."""
    try:
        yield from checks
    except (Skip, AssertionError, OSError) as error:
        def preparations():
            raise error
        yield preparations


def main(checks):
    """Runs the checks, prints a line for each, counts, and ends the script."""
    passed = failed = skipped = 0
    for entry in entries(checks):
        check, *arguments = entry if isinstance(entry, tuple) else (entry,)
        name, start = title(check, *arguments), time.monotonic()
        try:
            check(*arguments)
            passed += 1
            print(f'ok {name} ({time.monotonic() - start:.1f} s)', flush=True)
        except Skip as reason:
            skipped += 1
            print(f'skipped: {reason}: {name}', flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f'FAILED {name}: {error}', flush=True)
    also = f', {skipped} skipped' if skipped else ''
    print(f'{passed} passed, {failed} failed{also}')
    sys.exit(failed > 0)
