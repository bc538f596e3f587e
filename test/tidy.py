#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the house that a compiler cannot check.

usage: tidy.py [ROOT]
"""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
FOLDERS = ('include', 'backend', 'lib', 'test', 'examples', 'bench')
COLUMNS = 90

# Who may include what of ours, by longest matching prefix of the path. What is not named
# here is the standard library's or the system's, see below.
SEAM = ('backend/operation.hpp', 'backend/multishot.hpp', 'backend/file_requests.hpp',
        'backend/backend.hpp',
        'backend/course.hpp',
        'motet/time.hpp', 'motet/detail/')
LAYERS = {
    'include/motet/': ('motet/',),
    'backend/': SEAM + ('backend/make_backend.hpp', 'backend/fallback.hpp'),
    'backend/make_backend.cpp': ('backend/', 'motet/'),
    'backend/sim/': SEAM + ('backend/sim/', 'backend/posix/', 'motet/faults.hpp'),
    'backend/posix/': SEAM + ('backend/posix/',),
    'backend/uring/': SEAM + ('backend/uring/', 'backend/posix/'),
    'backend/libev/': SEAM + ('backend/libev/', 'backend/posix/'),
    'lib/context/': ('lib/context/',),
    'lib/core/': ('lib/core/', 'lib/context/', 'backend/', 'motet/'),
    'lib/fiber/': ('lib/fiber/', 'lib/core/', 'motet/'),
    'lib/fiber/run': ('lib/fiber/', 'lib/core/', 'backend/backend.hpp',
                      'backend/course.hpp', 'backend/make_backend.hpp',
                      'lib/blocking/job_home.hpp', 'motet/'),
    'lib/fiber/debug.cpp': ('lib/fiber/', 'lib/core/', 'lib/blocking/pool.hpp', 'motet/'),
    'lib/blocking/': ('lib/blocking/', 'lib/fiber/', 'lib/core/', 'backend/posix/',
                      'motet/'),
    'lib/sync/': ('lib/sync/', 'lib/fiber/', 'lib/core/', 'motet/'),
    'lib/thread/': ('lib/fiber/', 'lib/core/', 'backend/make_backend.hpp', 'motet/'),
    'lib/testing/': ('lib/', 'backend/', 'motet/'),
    'lib/io/': ('lib/io/', 'lib/blocking/', 'lib/core/', 'lib/fiber/',
                'backend/operation.hpp', 'backend/multishot.hpp', 'motet/'),
    'lib/': ('lib/', 'backend/', 'motet/'),
    'test/': ('motet/', 'test/'),
    'test/context/': ('lib/context/', 'test/'),
    'test/core/': ('lib/core/', 'lib/context/', 'backend/', 'motet/', 'test/'),
    'test/figures/': ('lib/', 'backend/', 'motet/', 'test/'),
    'test/support/conser': ('lib/core/', 'lib/context/', 'motet/', 'test/'),
    'test/contract/': ('backend/', 'motet/', 'test/'),
    'test/scenarios/examples.cpp': ('motet/', 'test/', 'examples/'),
    'test/key_value_test.cpp': ('motet/', 'examples/'),
    'test/tls_test.cpp': ('motet/', 'test/', 'examples/tls/'),
    'test/kernel/': ('lib/', 'backend/', 'motet/', 'test/'),
    'test/kernel/gate_test.cpp': ('motet/', 'test/', 'examples/'),
    'test/threads/': ('lib/', 'backend/', 'motet/', 'test/'),
    'examples/': ('motet/', 'examples/'),
    'bench/': ('lib/', 'backend/', 'motet/', 'bench/'),
}
NEVER = {  # exceptions to the table above
    'lib/core/': ('backend/uring/', 'backend/libev/'),
    'lib/testing/': ('backend/uring/', 'backend/libev/'),
}

# Libraries of others, and where they are at home.
THIRD_PARTY = {
    'asio': ('bench/',),
    'boost': ('examples/http/', 'bench/'),
    'liburing': ('backend/uring/', 'bench/'),
    'ev.h': ('backend/libev/', 'bench/', 'examples/', 'test/'),
    'doctest': ('test/',),
    'hiredis': ('examples/',),
    'sqlite3': ('examples/',),
    'openssl': ('examples/tls/',),
    'valgrind': ('lib/context/', 'test/budget/'),
    'sanitizer': ('lib/context/', 'test/'),
}
# The system's headers: `lib/context` gets its memory itself, public headers see no system.
SYSTEM = re.compile(r'^((sys|linux|net|netinet|arpa|asm|bits)/[\w/]+\.h|[a-z0-9_]+\.h)$')
STANDARD = re.compile(r'^[a-z0-9_]+$|^(cxxabi|unwind)\.h$')
NO_SYSTEM = ('include/motet/',)
NO_SOCKETS = ('lib/core/', 'lib/fiber/')

# What a public header does without: see docs/style.md.
HEAVY = ('algorithm', 'atomic', 'chrono', 'condition_variable', 'deque', 'filesystem',
         'functional', 'future', 'iostream', 'iterator', 'list', 'map', 'memory', 'random',
         'ranges', 'regex', 'semaphore', 'set', 'shared_mutex', 'sstream', 'stop_token',
         'thread', 'unordered_map', 'unordered_set')

CAPS = {'include/': 200, '': 400}  # lines, by longest matching prefix
LONGER = {}  # file -> lines it may have, for a reason given in its commit

FEATURES = {'MOTET_HAVE_': 'backend/make_backend.cpp'}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
MARKS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
MACHINE = re.compile(r'(?<![\w.])/(home|root|work|Users|mnt)/\w')
SLEEPS = re.compile(r'\bsleep_for\b|\busleep\b|\bnanosleep\b|(?<!motet)::sleep\b')
CODE = ('.hpp', '.cpp', '.S')
TEXT = CODE + ('.py', '.sh', '.build', '.txt', '.in', '.md', '.c', '.h')

complaints = []


def complain(path, line, what):
    complaints.append(f'{path}:{line}: {what}')


def longest(table, path):
    """The entry of `table` for the longest prefix of `path` in it, or None."""
    key = max((key for key in table if path.startswith(key)), key=len, default=None)
    return None if key is None else table[key]


def check_include(path, number, quote, header):
    for name, homes in THIRD_PARTY.items():
        if header.startswith(name):
            if not path.startswith(homes):
                complain(path, number, f'<{header}> belongs in {" and ".join(homes)}')
            return
    if header.startswith(('motet/', 'lib/', 'backend/', 'test/', 'examples/', 'bench/')):
        allowed = longest(LAYERS, path) or ()
        if not header.startswith(allowed) or header.startswith(longest(NEVER, path) or ('\0',)):
            complain(path, number, f'{header} is out of this layer\'s reach')
        if (quote == '<') != header.startswith('motet/'):
            complain(path, number, f'<motet/...> for public headers, "..." for ours: {header}')
    elif quote == '"':
        if not (path.startswith('bench/') and '/' not in header):
            complain(path, number, f'write "{header}" from the root of the tree')
    elif STANDARD.match(header):
        if header in HEAVY and path.startswith('include/'):
            complain(path, number, f'<{header}> takes too long to compile for all')
    elif not SYSTEM.match(header):
        complain(path, number, f'<{header}> is no header of the standard or the system')
    elif path.startswith(NO_SYSTEM):
        complain(path, number, f'no system headers here: <{header}>')
    elif path.startswith(NO_SOCKETS) and re.match(r'sys/socket|netinet|arpa|netdb', header):
        complain(path, number, f'no sockets here: <{header}>')


def check_code(path, lines):
    if not any('SPDX-License-Identifier: MIT' in line for line in lines[:3]):
        complain(path, 1, 'no SPDX-License-Identifier')
    cap = LONGER.get(path, longest(CAPS, path))
    if len(lines) > cap:
        complain(path, len(lines), f'{len(lines)} lines, {cap} is the most')
    for number, line in enumerate(lines, 1):
        if found := INCLUDE.match(line):
            check_include(path, number, *found.groups())
        for macro, home in FEATURES.items():
            if macro in line and path != home:
                complain(path, number, f'{macro}... is read in {home} only')
        if path.startswith('test/') and SLEEPS.search(line):
            complain(path, number, 'no test sleeps: use virtual time, or wait for what is to happen')


def check_text(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and path.endswith(CODE):
            complain(path, number, f'{len(line)} columns, {COLUMNS} is the most')
        if line != line.rstrip():
            complain(path, number, 'blanks at the end of the line')
        if MARKS.search(line):
            complain(path, number, 'a loose end: finish it, or open an issue')
        if MACHINE.search(line):
            complain(path, number, 'a path that only exists on some machine')


LINK = re.compile(r'\]\(([^)#\s]+)(?:#[^)]*)?\)')


def check_links(path, lines):
    """A Markdown link to a file of ours leads to one."""
    for number, line in enumerate(lines, 1):
        for target in LINK.findall(line):
            if '://' not in target and not (ROOT / path).parent.joinpath(target).exists():
                complain(path, number, f'a link to {target}, which does not exist')


SIGNATURE = re.compile(r'[\w>&*\])]\s*(operator\s*\S+|\b[a-z_]\w*)\s*\(')
NOT_FUNCTIONS = re.compile(
    r'^\s*(#|using\b|typedef\b|static_assert\b|namespace\b|return\b|friend class\b|'
    r'(template\s*<.*>\s*)?(struct|class|enum|union|concept)\b)')


def check_docs(path, lines):
    """A function with a `///` block says there whether it parks, or is noexcept."""
    block, detail_depth, depth = [], None, 0
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        code = line.split('//')[0]
        if detail_depth is None and re.match(r'\s*namespace (\w+::)*detail\b', line):
            detail_depth = depth
        depth += code.count('{') - code.count('}')
        if detail_depth is not None:
            if depth <= detail_depth and '}' in code:
                detail_depth = None
            continue
        if line.strip().startswith('///') and '///<' not in line:
            block.append(line.strip()[3:].strip())
            continue
        if not block:
            continue
        head, start = code, number
        while number < len(lines) and not re.search(r'[;{]', head):
            more = lines[number].split('//')[0]
            depth += more.count('{') - more.count('}')
            head += ' ' + more.strip()
            number += 1
        check_block(path, start, block, head)
        block = []


def check_block(path, number, block, head):
    if '@file' in block[0] or NOT_FUNCTIONS.match(strip_template(head)):
        return
    declaration = re.split(r'[;{]', head)[0]
    if not SIGNATURE.search(strip_template(declaration)):
        return
    if re.search(r'\bnoexcept\b|=\s*(delete|default)|\bconsteval\b', declaration):
        return
    if is_constructor(declaration):
        return
    text = ' '.join(block)
    if not SAYS.search(text) and not text.startswith('As above'):
        complain(path, number, 'the comment does not say whether it parks: "Cancellation point.", '
                 '"Never parks.", "Parks in a shield." or "Blocks the thread."')


# "Cancellation point if `f` has one." counts, and "As above" says what that says.
SAYS = re.compile(r'\b(Cancellation point|Never parks|Parks in a shield|Blocks the thread)\b'
                  r'[^.]*\.')


def strip_template(head):
    """`head` without its leading `template <...>`, `requires` clause and attributes."""
    head = head.strip()
    while found := re.match(r'template\s*<', head):
        depth, end = 1, found.end()
        while end < len(head) and depth:
            depth += {'<': 1, '>': -1}.get(head[end], 0)
            end += 1
        head = head[end:].strip()
    head = re.sub(r'^requires\s+\S+(<.*?>)?(\s*(&&|\|\|)\s*\S+(<.*?>)?)*\s+', '', head)
    return re.sub(r'^\[\[[^\]]*\]\]\s*', '', head)


def is_constructor(declaration):
    """Constructors take what they are given; those that may park are none of ours."""
    return re.match(r'(explicit(\([^)]*\))?\s+|constexpr\s+)*[a-z_]\w*\s*\(',
                    strip_template(declaration)) is not None


def check_listed(path):
    """A file that no meson.build names is neither built nor tested."""
    file = ROOT / path
    for folder in file.parents:
        build = folder / 'meson.build'
        if build.exists() and folder != ROOT:
            if re.search(rf"\b{re.escape(file.stem)}\b", build.read_text()) is None:
                complain(path, 1, f'not named in {build.relative_to(ROOT)}')
            return


def needs_listing(path):
    return (path.endswith(('.cpp', '.S')) and not path.startswith('bench/')
            or path.startswith('include/') and path.endswith('.hpp'))


def files():
    for folder, folders, names in os.walk(ROOT):
        here = pathlib.Path(folder).relative_to(ROOT)
        folders[:] = sorted(name for name in folders
                            if not name.startswith(('.git', 'build', '__pycache__')))
        yield from (str(here / name) for name in sorted(names))


for path in files():
    if not path.endswith(TEXT) and path not in ('dev', '.ci/run'):
        continue
    if path == 'test/tidy.py':
        continue  # it has to spell out what it forbids
    lines = (ROOT / path).read_text().splitlines()
    check_text(path, lines)
    if path.endswith('.md'):
        check_links(path, lines)
    if path.startswith(FOLDERS) and path.endswith(CODE):
        check_code(path, lines)
        if path.startswith('include/motet/') and '/detail/' not in path:
            check_docs(path, lines)
        if needs_listing(path):
            check_listed(path)

print('\n'.join(complaints) if complaints else 'tidy')
sys.exit(bool(complaints))
