// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <string>

namespace motet {
namespace {

using test::child;
using test::death;

/// How a program dies in which a fiber does `f` in a no_suspend block.
template <class F>
death die_in_no_suspend(F f) {
  child c([&](int) {
    run({.backend = backend_kind::sim},
        [&] { spin({.name = "caller"}, [&] { no_suspend([&] { f(); }); }).await(); });
  });
  return c.wait();
}

TEST_SUITE("kernel: no_suspend") {
  TEST_CASE("P-07: a point in a no_suspend block ends the process, saying so") {
    const auto dies = [](auto f) {
      const death end = die_in_no_suspend(f);
      CHECK(end.signal == SIGABRT);
      CHECK(end.said.find("\"caller\"") != std::string::npos);
      CHECK(end.said.find("no_suspend") != std::string::npos);
    };
    dies([] { checkpoint(); });
    dies([] { yield(); });
    dies([] { sleep(0s); });
    dies([] { sleep(1s); });
    dies([] { shield([] { checkpoint(); }); });
    dies([] { this_fiber::self() << 1, (void)receive<int>(); });
    dies([] { with_scope([](scope& s) { s.spin([] {}); }); });
    dies([] { const scoped_fiber f(spin([] {})); });
  }

  TEST_CASE("P-07: what never parks works in a no_suspend block, and points after it") {
    run({.backend = backend_kind::sim}, [] {
      const int seven = no_suspend([] {
        this_fiber::self() << 7;
        with_scope([](scope&) {});
        (void)spin([] {}).done();
        return *try_receive<int>();
      });
      CHECK(seven == 7);
      checkpoint();
      sleep(1ms);
      CHECK_FALSE(this_fiber::cancel_pending());
    });
  }
}

}  // namespace
}  // namespace motet
