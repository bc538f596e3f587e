# SPDX-License-Identifier: MIT
"""What all parts of the demo share: servers, checks, and the table of the end."""
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys

PATIENCE = 5  # seconds for what should take milliseconds
LOAD_SECONDS = 2  # for each of the loads


class Wrong(Exception):
    """A fact that should hold does not; what follows would not tell much."""


class LeftOut(Exception):
    """Something is not here: a program of ours that was not built, or a client."""


def check(fact, holds):
    print(f'  {"✓" if holds else "✗"} {fact}', flush=True)
    if not holds:
        raise Wrong


def client(name):
    """The path of a program, if it is installed; else says that it is not."""
    path = shutil.which(name)
    if path is None:
        print(f'  - {name} is not installed: left out')
    return path


class Server:
    """An example server on a port of its own; a child process, and gone after the block."""

    def __init__(self, build, name, *arguments):
        examples = build / 'examples'
        paths = [p for p in (examples / name, *examples.glob(f'*/{name}')) if p.is_file()]
        if not paths:
            raise LeftOut(f'{name} is not built')
        self.name = name
        self.process = subprocess.Popen(
            [paths[0], '--port', '0', *map(str, arguments)],
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

    def processor_seconds(self):
        """Of all its threads so far, to the nanosecond."""
        tasks = pathlib.Path(f'/proc/{self.process.pid}/task').glob('*/schedstat')
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

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


def run(command, **how):
    """Runs a client to its end, with text in stdout and stderr."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          **{'timeout': PATIENCE, **how})


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


# --- The table ------------------------------------------------------------------------

TITLES = ('server', 'client', 'requests', 'errors', 'requests/s', 'CPU µs each', 'p99 ms')
rows = []


def tell(server, who, requests, errors, per_second=None, processor=None, p99=None):
    """A row. `processor`: seconds that the server has used."""
    def number(value, form):
        return '–' if value is None else form.format(value)
    each = processor / requests * 1e6 if processor is not None and requests else None
    rows.append((server.name, who, f'{requests:,}', f'{errors:,}',
                 number(per_second, '{:,.0f}'), number(each, '{:.1f}'),
                 number(p99, '{:.2f}')))


def print_table():
    widths = [max(map(len, column)) for column in zip(TITLES, *rows)]
    line = '  '.join('─' * width for width in widths)
    print()
    for row in [TITLES, None, *rows]:
        cells = [] if row is None else \
            [f'{cell:<{width}}' if i < 2 else f'{cell:>{width}}'
             for i, (cell, width) in enumerate(zip(row, widths))]
        print('  '.join(cells) if cells else line)
