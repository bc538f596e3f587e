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
import subprocess
import sys
import tempfile

import results

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


def make_table(key, title, figures, base, targets):
    """`figures`: for each column, by name, what each row took."""
    table = results.Table(key, title, 'ns CPU per operation', [*figures], head='program')
    for name in dict.fromkeys(name for column in figures.values() for name in column):
        cells = []
        for column, target in zip(figures.values(), targets):
            aim = results.at_most_ratio(target) if target and name == 'motet' else None
            cells.append(results.Figure(column.get(name, []), aim))
        table.row(name, cells, raw=name == base)
    table.compare_with_row(base)
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='a first impression')
    parser.add_argument('--directory', help='where the files are made')
    results.add_argument(parser)
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
        by_depth = {}
        for depth in DEPTHS:
            plain = {'pread': run_ours('raw_uring_files', options, '--plain')}
            runs = reads | (plain if depth == 1 else {})
            by_depth[f'{depth} at a time'] = measure(runs, path, depth, options.repeats)
        results.publish(make_table('files_read', '4 KiB read at random places', by_depth, raw,
                                   [TARGETS.get(depth) for depth in DEPTHS]), options.tables)
        path = pathlib.Path(place) / 'written'
        written = {'one at a time': measure(writes, path, 1, options.repeats)}
        results.publish(make_table('files_written', f'{WRITE_BLOCK >> 10} KiB written, one '
                                   'after the other', written, raw, [None]), options.tables)


if __name__ == '__main__':
    main()
