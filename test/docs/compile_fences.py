#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every fence of README.md and docs/*.md that is marked `cpp`.

A fence that includes something or has a `main` is a file of its own. Any other is the
body of a function, after `using namespace motet` and preamble.hpp, which declares what
fences may use without saying where it comes from. A fence marked `cpp declarations` is
wrapped in a namespace instead of a function.

usage: compile_fences.py ROOT COMPILER...
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
COMPILER = sys.argv[2:] + ['-std=c++20', '-fsyntax-only', '-w', '-x', 'c++',
                           '-I', str(ROOT / 'include'), '-I', str(ROOT), '-']
FENCE = re.compile(r'^( *)```cpp\b *(\w*)[^\n]*\n(.*?)^ *```', re.MULTILINE | re.DOTALL)
WHOLE = re.compile(r'^\s*#\s*include|\bint main\(', re.MULTILINE)


def units(path):
    """The translation units of a document, as pairs of a name and a text."""
    name, text = str(path.relative_to(ROOT)), path.read_text()
    fragments = []
    for found in FENCE.finditer(text):
        _, kind, code = found.groups()
        line = text.count('\n', 0, found.start()) + 2
        located = f'#line {line} "{name}"\n{code}'
        if WHOLE.search(code):
            yield f'{name}:{line}', located
        elif kind == 'declarations':
            fragments.append(f'namespace fence_{line} {{\n{located}}}\n')
        else:
            fragments.append(f'[[maybe_unused]] static auto fence_{line}() {{\n{located}}}\n')
    if fragments:
        yield name, '#include "test/docs/preamble.hpp"\n' + ''.join(fragments)


def compile_unit(unit):
    name, text = unit
    done = subprocess.run(COMPILER, input=text, text=True, capture_output=True)
    if done.returncode != 0:
        print(f'{name}: does not compile\n{done.stderr}', flush=True)
    return done.returncode == 0


documents = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('**/*.md'))]
work = [unit for path in documents if path.exists() for unit in units(path)]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    good = list(pool.map(compile_unit, work))
print(f'{sum(good)} of {len(good)} units compile')
sys.exit(not all(good))
