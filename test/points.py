#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the table of cancellation points in docs/cancellation.md with the headers.

Every public function whose comment says that it is a cancellation point has to stand in
the table's first column, qualified but for `motet::`, and nothing else may.

usage: points.py ROOT
"""
import pathlib
import re
import sys

TITLE = '## Every cancellation point'
DOCUMENT = 'docs/cancellation.md'
HEADERS = 'include/motet'

SAYS_SO = re.compile(r'\bCancellation point\b|\bEach step is a cancellation point\b')
LITERAL = re.compile(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'')
OPENS = re.compile(r'^(?:.*\W)?(?:namespace\s+([\w:]+)|(?:class|struct)\s+(\w+)[^()]*)$')
CALLED = re.compile(r'(operator\s*\(\)|\b[A-Za-z_]\w*)\s*\(')
NO_NAMES = {'requires', 'sizeof', 'decltype', 'noexcept', 'explicit', 'alignas', 'defined'}


def function_name(head):
    """The name that is declared: the first one outside of brackets that is called."""
    bare, depth = '', 0
    for i, c in enumerate(head):
        closes = c in ')>' and head[i - 1:i + 1] != '->'
        if closes:
            depth -= 1
        bare += c if depth == 0 else ' '
        if c == '(' or c == '<' and re.search(r'[\w:]\s*$', head[:i]):
            depth += 1
    for found in CALLED.finditer(bare):
        if found[1] not in NO_NAMES:
            return found[1].replace(' ', '')
    return None


class Header:
    """Walks a header: calls `declared(scopes, comment, head)` for what has a comment."""

    def __init__(self, text, declared):
        self.declared = declared
        self.scopes = []   # names of what is open; None for blocks without one
        self.comment = []
        self.head = ''
        self.round = 0     # open parentheses
        self.skipped = 0   # open braces inside of an expression
        for line in text.splitlines():
            self.take(line)

    def take(self, line):
        line = line.strip()
        if line.startswith('///'):
            self.comment.append(line[3:].strip())
            return
        if line.startswith('#'):
            return
        if not line:
            if not self.head.strip():
                self.comment = []
            return
        for c in LITERAL.sub('""', line).split('//')[0] + ' ':
            self.take_one(c)

    def take_one(self, c):
        self.round += {'(': 1, ')': -1}.get(c, 0)
        in_expression = self.round != 0 or self.skipped != 0
        if c == '{' and (in_expression or
                         re.search(r'\brequires(\s*\([^()]*\))?\s*$', self.head)):
            self.skipped += 1
        elif c == '}' and self.skipped:
            self.skipped -= 1
        elif c in '{;' and not in_expression:
            self.end_of_head(c)
        elif c == '}' and not in_expression:
            self.scopes.pop()
            self.head = ''
        elif c == ':' and re.fullmatch(r'\s*(public|private|protected)', self.head):
            self.head = ''
        elif not self.skipped:
            self.head += c

    def end_of_head(self, c):
        head, self.head = self.head.strip(), ''
        comment, self.comment = ' '.join(self.comment), []
        if comment and None not in self.scopes:
            self.declared(self.scopes, comment, head)
        if c == '{':
            found = OPENS.match(head)
            self.scopes.append((found[1] or found[2]) if found else None)


def points_in(text):
    """The names of the cancellation points that a header declares."""
    points = set()
    before = False  # whether the declaration before is one: "As above"

    def declared(scopes, comment, head):
        nonlocal before
        name = function_name(head)
        full = '::'.join([*scopes, name or ''])
        if name is None or '@file' in comment or 'detail' in full.split('::'):
            return
        told = re.search(r'\b(Never parks|Parks in a shield|Blocks the thread)\b', comment)
        inherited = comment.startswith('As above') and before and not told
        before = SAYS_SO.search(comment) is not None or inherited
        if before:
            points.add(re.sub(r'^motet::', '', full))

    Header(text, declared)
    return points


def points_of_table(text):
    """The names in the first column of the table, which each has once."""
    names = []
    _, _, section = text.partition(TITLE + '\n')
    for line in re.split(r'^## ', section, maxsplit=1, flags=re.MULTILINE)[0].splitlines():
        if line.startswith('| `'):
            names += re.findall(r'`([^`]+)`', line.split('|')[1])
    return names


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    declared = {}
    for path in sorted((root / HEADERS).glob('*.hpp')):
        for name in points_in(path.read_text()):
            declared.setdefault(name, path.relative_to(root))
    listed = points_of_table((root / DOCUMENT).read_text())
    complaints = [f'{DOCUMENT}: `{name}` of {declared[name]} is not in the table'
                  for name in sorted(declared.keys() - set(listed))]
    complaints += [f'{DOCUMENT}: `{name}` is no cancellation point of {HEADERS}'
                   for name in sorted(set(listed) - declared.keys())]
    complaints += [f'{DOCUMENT}: `{name}` is in the table {listed.count(name)} times'
                   for name in sorted(set(listed)) if listed.count(name) > 1]
    print('\n'.join(complaints) or f'{len(declared)} cancellation points, all in the table')
    sys.exit(bool(complaints) or not declared)


main()
