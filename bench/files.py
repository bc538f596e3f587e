#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reading a file that is in memory at random places, 4 KiB at a time, and writing one: motet,
the same by hand on io_uring, fio on io_uring, and pread or pwrite.

All run on core 0, one after the other; repeats are interleaved, so that a slow minute of
the machine hits all alike. Prints Markdown tables.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

SIZE = 256 << 20
DEPTHS = (1, 32, 128)
TARGETS = {32: 1.05, 128: 1.05}
WRITE_BLOCK = 64 << 10
LIMIT = 120  # seconds that one run may take


def on_core(command):
    done = subprocess.run(['taskset', '-c', '0'] + command, capture_output=True, text=True,
                          timeout=LIMIT)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-300:] or f'exit {done.returncode}')
    return json.loads(done.stdout)


def run_ours(program, options, *more):
    def run(path, depth):
        told = on_core([str(options.build / 'bench' / program), str(path), '--depth',
                        str(depth), '--size', str(SIZE), '--count',
                        str(options.writes if '--write' in more else options.reads), *more])
        return told['cpu_ns']
    return run


def run_fio(options):
    def run(path, depth):
        told = on_core(['fio', '--name=reads', f'--filename={path}', '--rw=randread',
                        '--bs=4k', f'--size={SIZE}', '--ioengine=io_uring', '--direct=0',
                        '--invalidate=0', '--norandommap', f'--iodepth={depth}',
                        f'--iodepth_batch_submit={depth}',
                        f'--iodepth_batch_complete_max={depth}', '--gtod_reduce=1',
                        '--random_generator=tausworthe64', '--thread', '--time_based',
                        f'--runtime={options.fio_seconds}', '--output-format=json'])
        job = told['jobs'][0]
        part = (job['usr_cpu'] + job['sys_cpu']) / 100
        return part * job['job_runtime'] * 1e6 / job['read']['total_ios']
    return run


def measure(runs, path, depth, repeats):
    """The figures of each, by name: nanoseconds of CPU time per operation."""
    figures = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            figures[name].append(run(path, depth))
            print(f'{name}, depth {depth}: {figures[name][-1]:.0f} ns', file=sys.stderr)
    return figures


def table(title, figures, base, target=None):
    print(f'\n{title}\n\n| | CPU ns, median | lowest | highest | to {base} |')
    print('|---|---:|---:|---:|---:|')
    for name, all_of in figures.items():
        ratio = statistics.median(a / b for a, b in zip(all_of, figures[base]))
        aim = f' (≤ {target:.2f})' if target and name == 'motet' else ''
        print(f'| {name} | {statistics.median(all_of):.0f} | {min(all_of):.0f} | '
              f'{max(all_of):.0f} | {ratio:.2f}{aim} |', flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--directory', help='where the files are made')
    options = parser.parse_args()
    options.repeats = 3 if options.quick else 9
    options.reads = 200_000 if options.quick else 1_000_000
    options.writes = 1000 if options.quick else 4000
    options.fio_seconds = 1
    return options


def main():
    options = parse()
    raw = 'raw io_uring'
    reads = {raw: run_ours('raw_uring_files', options),
             'motet': run_ours('motet_files', options)}
    if shutil.which('fio'):
        reads['fio, io_uring'] = run_fio(options)
    else:
        print('skipped: fio is not installed')
    writes = {raw: run_ours('raw_uring_files', options, '--write'),
              'motet': run_ours('motet_files', options, '--write'),
              'pwrite': run_ours('raw_uring_files', options, '--write', '--plain')}
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        path = pathlib.Path(place) / 'read'
        with open(path, 'wb') as file:
            for _ in range(SIZE >> 20):
                file.write(b'x' * (1 << 20))
        for depth in DEPTHS:
            plain = {'pread': run_ours('raw_uring_files', options, '--plain')}
            runs = reads | (plain if depth == 1 else {})
            table(f'4 KiB read at random places, {depth} at a time.',
                  measure(runs, path, depth, options.repeats), raw, TARGETS.get(depth))
        path = pathlib.Path(place) / 'written'
        table(f'{WRITE_BLOCK >> 10} KiB written at a time, one after the other, into memory.',
              measure(writes, path, 1, options.repeats), raw)


if __name__ == '__main__':
    main()
