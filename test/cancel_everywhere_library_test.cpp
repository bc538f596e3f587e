// SPDX-License-Identifier: MIT

// The library's own composites and the programs in examples/, stopped at each of their
// points: as a whole, and each of their fibers alone. Nothing may leak, hang, or end in
// an error of its own.

#include "test/support/everywhere.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace motet {
namespace {

void survive(const std::vector<test::scenario>& scenarios) {
  for (const test::scenario& s : scenarios)
    test::survives_everywhere(s);
}

TEST_SUITE("cancelled everywhere") {
  TEST_CASE("combinators") {
    survive(test::combinators());
  }
  TEST_CASE("scopes, shields and timeouts") {
    survive(test::scopes());
  }
  TEST_CASE("supervision") {
    survive(test::supervision());
  }
  TEST_CASE("locks and their like") {
    survive(test::locks());
  }
  TEST_CASE("servers") {
    survive(test::servers());
  }
  TEST_CASE("examples") {
    survive(test::examples());
  }
}

}  // namespace
}  // namespace motet
