// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::child;
using test::death;
using test::say;

/// What takes a while to make.
int load() {
  sleep(1ms);
  return 7;
}

/// Has two fibers ask for the same thing at once, in a program of its own.
template <class F>
death ask_twice(F ask) {
  child c([&](int to) {
    run({.backend = backend_kind::sim}, [&] {
      with_scope([&](scope& s) {
        s.spin([&] { say(to, std::to_string(ask())); });
        s.spin([&] { say(to, std::to_string(ask())); });
      });
    });
  });
  return c.wait();
}

TEST_SUITE("kernel: local statics") {
  TEST_CASE("P-14: a local static whose initialiser parks ends the process") {
    const death end = ask_twice([] {
      static const int loaded = load();
      return loaded;
    });
    CHECK(end.signal == SIGABRT);
    CHECK(end.said.find("recursive_init_error") != std::string::npos);
  }

  TEST_CASE("P-14: a once whose initialiser parks is waited for") {
    const death end = ask_twice([] {
      static once<int> loaded;
      return loaded(load);
    });
    CHECK(end.signal == 0);
    CHECK(end.said == "77");
  }
}

}  // namespace
}  // namespace motet
