#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which conformance cases of cases.txt have no test.

A case has one when its id stands at the beginning of a TEST_CASE's or SUBCASE's name:
`"R-08: ..."`, `"R-08 (R2): ..."`, `"S-13, S-14: ..."`. An error is a case of a complete
group without a test, a case that waits for something but has a test, and an id in a test's
name that is not in the list. The rest is only printed.

usage: cases.py [ROOT]
"""
import pathlib
import re
import sys

TEST = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve() / 'test'
LIST = TEST / 'cases.txt'
ID = r'[A-Z]-\d{2}'
NAME = re.compile(rf'\b(?:TEST_CASE|SUBCASE)\(\s*"({ID}(?:, {ID})*)\b')
CASE = re.compile(rf'({ID})  +(\S.*?)(?:  \[needs (.+)\])?$')


def read_list():
    """The cases, as id -> (title, what it needs or None), and the complete groups."""
    cases, complete = {}, ''
    for number, line in enumerate(LIST.read_text().splitlines(), 1):
        found = CASE.match(line)
        if line.startswith('# complete:'):
            complete = line.split(':')[1].split()
        elif found and found[1] not in cases:
            cases[found[1]] = (found[2], found[3])
        elif line and not line.startswith('#'):
            sys.exit(f'{LIST.name}:{number}: neither a case nor a comment: {line}')
    return cases, complete


def tested():
    """Where each id stands in the name of a test."""
    places = {}
    for source in sorted(TEST.rglob('*.cpp')):
        text = source.read_text()
        for found in NAME.finditer(text):
            line = text.count('\n', 0, found.start()) + 1
            for case in found[1].split(', '):
                places.setdefault(case, f'{source.relative_to(TEST.parent)}:{line}')
    return places


cases, complete = read_list()
places = tested()
errors = [f'{places[case]}: {case} is not in {LIST.name}'
          for case in sorted(places.keys() - cases.keys())]
for case, (title, needs) in cases.items():
    if case in places and needs:
        errors.append(f'{places[case]}: {case} is tested, yet {LIST.name} says '
                      f'[needs {needs}]')
    if case not in places and not needs and case[0] in complete:
        errors.append(f'{case} has no test: {title}')

for group in sorted({case[0] for case in cases}):
    missing = [case for case in cases if case[0] == group and case not in places]
    count = sum(case[0] == group for case in cases)
    print(f'{group}: {count - len(missing)} of {count}', *missing)
print('\n'.join(errors), end='\n' if errors else '')
print(f'{len(cases.keys() & places.keys())} of {len(cases)} cases have a test, '
      f'{len(errors)} errors')
sys.exit(1 if errors else 0)
