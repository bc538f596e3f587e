# SPDX-License-Identifier: MIT
"""The key-value server under redis-cli and redis-benchmark."""
import csv
import itertools
import subprocess

from common import LOAD_SECONDS, PATIENCE, Server, check, client, ends, run, tell

LOADS = [('ping_mbulk', 1), ('set', 1), ('get', 1), ('set', 16), ('get', 16)]
NAMES = {'ping_mbulk': 'PING', 'set': 'SET', 'get': 'GET'}


def redis_cli(server):
    cli = ['redis-cli', '-p', server.port]
    script = {'set motet "Spem in alium"': 'OK', 'get motet': 'Spem in alium',
              'incr voices': '1', 'expire motet 100': '1', 'ttl motet': '100',
              'rpush choir soprano alto tenor': '3', 'lpop choir': 'soprano'}
    done = run(cli, input='\n'.join(script) + '\n')
    check(f'redis-cli: {", ".join(word.split()[0] for word in script)}',
          done.stdout.splitlines() == list(script.values()))

    with subprocess.Popen([*map(str, cli), 'blpop', 'stage', '5'], text=True,
                          stdout=subprocess.PIPE) as waiting:
        run([*cli, 'rpush', 'stage', 'bass'])
        check('redis-cli waits in BLPOP until another pushes',
              waiting.communicate(timeout=PATIENCE)[0] == 'stage\nbass\n')

    with subprocess.Popen([*map(str, cli), 'subscribe', 'news'], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as listener:
        words = (line.strip() for line in listener.stdout)
        list(itertools.islice(words, 3))  # that it has subscribed
        run([*cli, 'publish', 'news', 'forty voices'])
        check('redis-cli has subscribed to what another publishes',
              list(itertools.islice(words, 3)) == ['message', 'news', 'forty voices'])
        listener.terminate()
    tell(server, 'redis-cli', len(script) + 4, 0)


def benchmark(server, test, pipeline, requests):
    done = run(['redis-benchmark', '-p', server.port, '--csv', '-c', 50, '-P', pipeline,
                '-n', requests, '-t', test], timeout=5 * LOAD_SECONDS + PATIENCE)
    row = next(csv.DictReader(done.stdout.splitlines()), {})
    return float(row.get('rps', 0)), float(row.get('p99_latency_ms', 0)), done


def redis_benchmark(server):
    for test, pipeline in LOADS:
        # It counts requests, not seconds: a first run tells how many to ask for.
        guess, _, _ = benchmark(server, test, pipeline, 5000 * pipeline)
        requests = max(int(guess * LOAD_SECONDS), 1000)
        before = server.processor_seconds()
        per_second, p99, done = benchmark(server, test, pipeline, requests)
        used = server.processor_seconds() - before
        title = f'redis-benchmark {NAMES[test]}' + f', {pipeline} at a time' * (pipeline > 1)
        check(f'{title}: {requests:,} requests, no error',
              done.returncode == 0 and done.stderr == '' and per_second > 0)
        tell(server, title, requests, 0, per_second, used, p99)


def demo(build):
    with Server(build, 'key_value') as server:
        if client('redis-cli'):
            redis_cli(server)
        if client('redis-benchmark'):
            redis_benchmark(server)
        with server.connect() as idle:
            idle.sendall(b'PING\r\n')
            idle.recv(100)
            server.stop()
            check('a client that was connected is hung up on', ends(idle))
