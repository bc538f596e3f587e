#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions of hot paths, by callgrind, and compares with what they may take.

usage: check.py PROGRAM BUDGET [--update]

Neither the machine's mood nor its load is in the counts. They are those of one compiler:
the name of the budget says of which; without a budget of that name, nothing is compared.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 0.03
SKIPPED = 77
HEAD = '# Instructions per operation. ./dev budget --update writes this file.\n'
ADVICE = '''budget: if that has to be: ./dev budget --update, and say why in the commit'''


def read_dump(text):
    """The row that a file of callgrind's is of, and how many instructions; or None."""
    row = re.search(r'^desc: Trigger: Client Request: (.*)$', text, re.MULTILINE)
    total = re.search(r'^summary: (\d+)$', text, re.MULTILINE)
    return (row[1], int(total[1])) if row and total else None


def run_under_callgrind(program):
    """What it wrote, oldest first, and how often the program did what each row is of."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ['valgrind', '--tool=callgrind', f'--callgrind-out-file={folder}/out', program],
            capture_output=True, text=True, timeout=100)
        if done.returncode:
            raise RuntimeError(f'{program}: exit code {done.returncode}\n{done.stderr}')
        paths = sorted(pathlib.Path(folder).iterdir(), key=lambda path: path.stat().st_mtime_ns)
        dumps = [path.read_text() for path in paths]
    said = (line.rsplit(': ', 1) for line in done.stdout.splitlines())
    return dumps, {row: int(times) for row, times in said}


def measure(program):
    """Instructions per operation, by row."""
    dumps, times = run_under_callgrind(program)
    totals = dict(filter(None, map(read_dump, dumps)))
    return {row: totals[row] / times[row] for row in times}


def read_budget(text):
    lines = [line.split(maxsplit=1) for line in text.splitlines()
             if line and not line.startswith('#')]
    return {row: float(count) for count, row in lines}


def written(measured):
    return HEAD + ''.join(f'{count:10.1f}  {row}\n' for row, count in measured.items())


def compare(measured, budget):
    """What is wrong, and what could be better: a line for each such row."""
    wrong, better = [], []
    for row, count in measured.items():
        if row not in budget:
            wrong.append(f'{row}: {count:.1f} instructions, and no budget')
            continue
        change = count / budget[row] - 1
        said = f'{row}: {count:.1f} instructions, budget {budget[row]:.1f} ({change:+.1%})'
        if change > TOLERANCE:
            wrong.append(said)
        elif change < -TOLERANCE:
            better.append(said)
    wrong += [f'{row}: has a budget, and is not measured'
              for row in budget if row not in measured]
    return wrong, better


def judge(measured, budget):
    """Prints what there is to say. Returns an exit code."""
    wrong, better = compare(measured, budget)
    for line in better:
        print(f'budget: {line}: lower it by ./dev budget --update')
    for line in wrong:
        print(f'budget: too much: {line}')
    if wrong:
        print(ADVICE)
    print(f'{max(len(measured) - len(wrong), 0)} passed, {len(wrong)} failed')
    return 1 if wrong else 0


def main():
    program, path = sys.argv[1], pathlib.Path(sys.argv[2])
    update = sys.argv[3:] == ['--update']
    if not shutil.which('valgrind'):
        print('skipped: there is no valgrind')
        return SKIPPED
    if not path.exists() and not update:
        print(f'skipped: there is no budget {path.name}')
        return SKIPPED
    measured = measure(program)
    if update:
        path.write_text(written(measured))
    print(written(measured), end='')
    return judge(measured, read_budget(path.read_text()))


if __name__ == '__main__':
    sys.exit(main())
