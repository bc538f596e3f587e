// SPDX-License-Identifier: MIT
// doctest itself: compiled once, linked into each test program.
#define DOCTEST_CONFIG_IMPLEMENT
#include "test/support/conservation.hpp"

#include <doctest/doctest.h>

int main(int argc, char** argv) {
  const int failed = doctest::Context(argc, argv).run();
  return failed != 0 || !motet::test::all_was_conserved() ? 1 : 0;
}
