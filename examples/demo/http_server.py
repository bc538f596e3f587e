# SPDX-License-Identifier: MIT
"""The HTTP server under curl, wrk, and clients that are slow on purpose."""
import contextlib
import re
import threading
import time

from common import LOAD_SECONDS, PATIENCE, Server, check, client, ends, run, tell

HEADER = 1  # seconds that the head of a request may take here
SLOW = 50
CONNECTIONS = 50
MILLISECONDS = {'us': 0.001, 'ms': 1, 's': 1000}


def curl(server):
    if client('curl') is None:
        return
    url = f'http://127.0.0.1:{server.port}'
    done = run(['curl', '-s', '-w', '%{http_code} %{num_connects}\n', url, url, url])
    check('curl gets the page three times over one connection',
          re.findall(r'^(\d+) (\d+)$', done.stdout, re.M) ==
          [('200', '1'), ('200', '0'), ('200', '0')])
    done = run(['curl', '-s', '-H', 'Transfer-Encoding: chunked', '--data-binary', '@-',
                f'{url}/echo'], input='line\n' * 10_000)
    check('curl sends 50 kB in chunks and gets them back', done.stdout == 'line\n' * 10_000)
    done = run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', f'{url}/nowhere'])
    check('curl asks for what is not there: 404', done.stdout == '404')
    tell(server, 'curl', 5, 0)


def wrk(server):
    if client('wrk') is None:
        return
    before = server.processor_seconds()
    done = run(['wrk', '-t', 1, '-c', CONNECTIONS, '-d', LOAD_SECONDS, '--latency',
                f'http://127.0.0.1:{server.port}/'], timeout=LOAD_SECONDS + PATIENCE)
    used = server.processor_seconds() - before
    requests = int(re.search(r'(\d+) requests in', done.stdout)[1])
    per_second = float(re.search(r'Requests/sec: +([\d.]+)', done.stdout)[1])
    p99, unit = re.search(r'99% +([\d.]+)(us|ms|s)', done.stdout).groups()
    broken = re.search(r'Socket errors: .*', done.stdout)
    refused = re.search(r'Non-2xx or 3xx responses: (\d+)', done.stdout)
    errors = sum(map(int, re.findall(r'\d+', broken[0] if broken else ''))) \
        + int(refused[1] if refused else 0)
    check(f'wrk, {CONNECTIONS} connections, {LOAD_SECONDS} s: {errors} errors', errors == 0)
    tell(server, f'wrk, {CONNECTIONS} connections', requests, errors, per_second, used,
         float(p99) * MILLISECONDS[unit])


def slow_clients(server):
    """Their heads come byte by byte and never end: cut, whatever they send."""
    with contextlib.ExitStack() as opened:
        start = time.monotonic()
        slow = [opened.enter_context(server.connect()) for _ in range(SLOW)]
        over = threading.Event()

        def dribble():
            for byte in b'GET / HTTP/1.1\r\nX-Slow: ' + b'z' * 1000:
                for peer in slow:
                    with contextlib.suppress(OSError):
                        peer.send(bytes([byte]))
                if over.wait(0.05):
                    return

        sender = threading.Thread(target=dribble)
        sender.start()
        try:
            served = 0
            if client('curl') is not None:
                done = run(['curl', '-s', f'http://127.0.0.1:{server.port}/'])
                served = int(done.stdout == 'Hello, world!\n')
                check(f'{SLOW} clients send a byte now and then; curl is served meanwhile',
                      served == 1)
            cut = 0
            for peer in slow:
                while (more := receive(peer)) and more is not None:
                    pass
                cut += more == b''
            seconds = time.monotonic() - start
        finally:
            over.set()
            sender.join()
        check(f'{cut} of them are cut after {seconds:.1f} s (allowed: {HEADER} s)',
              cut == SLOW and seconds >= HEADER)
    tell(server, f'{SLOW} slow clients, all cut', SLOW, 0)


def receive(peer):
    """What came; empty at the end, however it came; None if nothing does."""
    try:
        return peer.recv(4096)
    except ConnectionResetError:
        return b''
    except TimeoutError:
        return None


def demo(build):
    with Server(build, 'http_server', '--header-timeout', HEADER) as server:
        curl(server)
        wrk(server)
        slow_clients(server)
        with server.connect() as idle:
            server.stop()
            check('a client that was connected is hung up on', ends(idle))
