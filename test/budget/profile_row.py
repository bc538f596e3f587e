#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which functions the instructions of a row are in.

usage: profile_row.py PROGRAM ROW

callgrind_annotate takes a switch between stacks for calls that never return, and gives
all to the first of them. Here is only what functions took themselves.
"""
import collections
import re
import sys

import check

SHOWN = 25
CALL = re.compile(r'calls=')
FUNCTION = re.compile(r'(c?)fn=\((\d+)\)(?: (.*))?$')
COST = re.compile(r'[+*-]?\d*\s+(\d+)$')


def read_names(dumps):
    """A function is named where it is first mentioned, and numbered from there on."""
    return {found[2]: found[3] for text in dumps for line in text.splitlines()
            if (found := FUNCTION.match(line)) and found[3]}


def own_costs(text):
    """Instructions by the number of the function."""
    costs, function, of_call = collections.Counter(), None, False
    for line in text.splitlines():
        if found := FUNCTION.match(line):
            function = function if found[1] else found[2]
        elif CALL.match(line):
            of_call = True  # what the next line says was taken by who is called
        elif found := COST.match(line):
            if not of_call and function:
                costs[function] += int(found[1])
            of_call = False
    return costs


def main():
    program, row = sys.argv[1:]
    dumps, times = check.run_under_callgrind(program)
    of_row = [text for text in dumps if (check.read_dump(text) or [''])[0] == row]
    if not of_row:
        sys.exit(f'there is no row {row!r}; there are: {"; ".join(times)}')
    names, costs = read_names(dumps), own_costs(of_row[0])
    print(f'{row}: {costs.total() / times[row]:.1f} instructions')
    for function, count in costs.most_common(SHOWN):
        print(f'{count / times[row]:10.1f}  {count / costs.total():6.1%}  '
              f'{names.get(function, "?")[:120]}')


if __name__ == '__main__':
    main()
