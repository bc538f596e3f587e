#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a hello-world costs to build: the time to compile it, and its size linked statically.

The same with the headers of the standard alone that motet's include, and with none.
"""
import argparse
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

import results

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN = '#include <cstdio>\nint main() { std::puts("Hello!"); }\n'
MOTET = '''#include <motet/motet.hpp>
#include <cstdio>
int main() {
  motet::run([] { motet::spin([] { std::puts("Hello!"); }).await(); });
}
'''
THREAD = '''#include <cstdio>
#include <stdexcept>
#include <thread>
int main() {
  std::thread([] {
    try {
      throw std::runtime_error("Hello!");
    } catch (const std::exception& e) {
      std::puts(e.what());
    }
  }).join();
}
'''
BY_STANDARD = 'the same headers of the standard, without motet'
SECONDS_AT_MOST = 0.8
INCLUDE = re.compile(r'^#include <([a-z_]+|cxxabi\.h)>$', re.MULTILINE)


def headers_of_the_standard(options):
    """What the headers of ours that motet.hpp comes to include themselves."""
    said = subprocess.run(
        [options.compiler, '-std=c++20', f'-I{ROOT / "include"}', '-MM', '-x', 'c++', '-'],
        input=MOTET, capture_output=True, text=True, check=True).stdout
    ours = re.findall(r'\S+\.hpp', said)
    found = {name for path in ours for name in INCLUDE.findall(pathlib.Path(path).read_text())}
    return ''.join(f'#include <{name}>\n' for name in sorted(found))


def seconds_of(command):
    """CPU time: what else the machine does does not count."""
    def used():
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return now.ru_utime + now.ru_stime
    before = used()
    subprocess.run(command, check=True)
    return used() - before


def compile_table(options, sources, folder):
    samples = {name: [] for name in sources}
    for _ in range(options.reps):
        for name, source in sources.items():
            path = folder / 'hello.cpp'
            path.write_text(source)
            samples[name].append(seconds_of(
                [options.compiler, '-std=c++20', '-O0', f'-I{ROOT / "include"}',
                 '-c', str(path), '-o', str(folder / 'hello.o')]))
    table = results.Table('compile', f'Compiling a hello-world, {options.compiler} -O0',
                          's CPU', ['time'], head='what it includes')
    for name, seconds in samples.items():
        target = results.at_most(SECONDS_AT_MOST) if 'motet.hpp' in name else None
        table.row(name, [results.Figure(seconds, target)])
    table.compare_with_row(BY_STANDARD)
    table.notes.append(f'{options.reps} interleaved repeats.')
    return table


def size_table(options, sources, folder):
    table = results.Table('size', f'A hello-world, {options.compiler} -O2 -static, stripped',
                          'kB', ['size'], head='program', plot='none')
    for name, (source, libraries) in sources.items():
        path, program = folder / 'hello.cpp', folder / 'hello'
        path.write_text(source)
        subprocess.run([options.compiler, '-std=c++20', '-O2', '-static',
                        f'-I{ROOT / "include"}', str(path), '-o', str(program), *libraries],
                       check=True)
        subprocess.run(['strip', str(program)], check=True)
        table.row(name, [[os.path.getsize(program) / 1000]])
    return table


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help='the build directory')
    parser.add_argument('--quick', action='store_true', help='three repeats')
    parser.add_argument('--reps', type=int, help='repeats (5)')
    parser.add_argument('--compiler', default='g++')
    results.add_argument(parser)
    options = parser.parse_args()
    options.reps = options.reps or (3 if options.quick else 5)
    return options


def main():
    options = parse()
    to_compile = {'`<motet/motet.hpp>`': MOTET,
                  BY_STANDARD: headers_of_the_standard(options) + PLAIN,
                  '`<cstdio>`': PLAIN}
    libraries = [str(options.build / 'libmotet.a'), '-luring', '-lev']
    to_link = {'motet': (MOTET, libraries), '`std::puts` alone': (PLAIN, []),
               '`std::puts` in a `std::thread`, with an exception': (THREAD, [])}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results.publish(compile_table(options, to_compile, folder), options.tables)
        results.publish(size_table(options, to_link, folder), options.tables)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        sys.exit(f'build: {error}')
