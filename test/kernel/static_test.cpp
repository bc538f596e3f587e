// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

/// What takes a while to make.
int load() {
  sleep(1ms);
  return 7;
}

/// What two fibers get that ask for the same thing at once.
template <class F>
std::string ask_twice(F ask) {
  std::string answers;
  run({.backend = backend_kind::sim}, [&] {
    with_scope([&](scope& s) {
      s.spin([&] { answers += std::to_string(ask()); });
      s.spin([&] { answers += std::to_string(ask()); });
    });
  });
  return answers;
}

TEST_SUITE("kernel: programs") {
  TEST_CASE("program: a local static" * doctest::skip()) {
    ask_twice([] {
      static const int loaded = load();
      return loaded;
    });
  }
}

TEST_SUITE("kernel: local statics") {
  // In a program with threads the second one would wait for itself, for ever.
  TEST_CASE("P-14: a local static whose initialiser parks ends the process") {
    const test::death end = test::child(test::run_only("program: a local static")).wait();
    CHECK(end.signal == SIGABRT);
    CHECK(end.said.find("recursive_init_error") != std::string::npos);
  }

  TEST_CASE("P-14: a once whose initialiser parks is waited for") {
    CHECK(ask_twice([] {
            static once<int> loaded;
            return loaded(load);
          }) == "77");
  }
}

}  // namespace
}  // namespace motet
