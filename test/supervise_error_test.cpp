// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::slow_to_stop;
using test::trace;
using test::trouble;
using test::trouble_1;
using test::trouble_2;

TEST_SUITE("supervise: errors on the way out") {
  TEST_CASE("an error of cleanup is thrown in place of `cancelled`") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin([] {
          try {
            suspend();
          } catch (const cancelled&) {
            throw trouble("cleanup");
          }
        });
        supervise({.restart = restart_policy::always});
      });
      testing::settle();
      const auto how = sup.interrupt();
      CHECK(how.failed());
      log(describe(how.error()));
    });
    CHECK(log == trace{"cleanup"});
  }

  TEST_CASE("with on_error it is told, and the stop stays one") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin([] {
          const cleanup last([] { sleep(10ms); });
          try {
            suspend();
          } catch (const cancelled&) {
            throw trouble("cleanup");
          }
        });
        supervise({.restart = restart_policy::always,
                   .on_done = [&](const fiber_ref&, const ending&) { log("never"); },
                   .on_error =
                       [&](const fiber_ref&, const ending& how) {
                         sleep(10ms);
                         log.at(describe(how.error()));
                       }});
      });
      testing::settle();
      CHECK(sup.interrupt().stopped());
    });
    CHECK(log == trace{"cleanup@20"});
  }

  TEST_CASE("giving up and an error of cleanup: both, in a group") {
    trace log;
    testing::run([&] {
      spin([] { throw trouble_1("crash"); });
      spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble_2("cleanup");
        }
      });
      try {
        supervise({.restart = restart_policy::on_error, .intensity = 1});
      } catch (const exception_group& e) {
        log(e.what());
        CHECK(cause_of(e).errors().size() == 2);
      }
      checkpoint();
    });
    CHECK(log == trace{"2 errors: crash; cleanup"});
  }

  TEST_CASE("a callback that throws makes it leave, everybody stopped") {
    trace log;
    testing::run([&] {
      spin({.name = "a"}, slow_to_stop("a", 10ms, log));
      spin({.name = "b"}, [] { throw trouble("b"); });
      try {
        supervise({.restart = restart_policy::always,
                   .on_error = [](const fiber_ref& who, const ending&) {
                     throw trouble_1("callback of " + who.name());
                   }});
      } catch (const trouble_1& e) {
        log.at(e.what());
      }
      CHECK(this_fiber::self().children().empty());
      checkpoint();
    });
    CHECK(log == trace{"a asked@0", "a gone@10", "callback of b@10"});
  }

  TEST_CASE("an exception raised into the supervisor makes it leave, too") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin(slow_to_stop("a", 10ms, log));
        try {
          supervise();
        } catch (const trouble&) {
          log.at("caught");
        }
        sleep(10ms);
        log.at("goes on");
      });
      testing::settle();
      CHECK(sup.raise(trouble()));
      sup.await();
    });
    CHECK(log == trace{"a asked@0", "a gone@10", "caught@10", "goes on@20"});
  }

  TEST_CASE("R18: a deadlock is thrown out of supervise, everybody stopped") {
    trace log;
    testing::run([&] {
      spin([&] {
        const cleanup last([&] { log("a gone"); });
        suspend();
      });
      CHECK_THROWS_AS(supervise(), deadlock_error);
      log("end");
    });
    CHECK(log == trace{"a gone", "end"});
  }
}

TEST_SUITE("supervise: what cannot be supervised") {
  TEST_CASE("a callable that took an argument by value cannot be run again") {
    testing::run([] {
      const auto f = spin(
          {.name = "once"}, [](std::unique_ptr<int> n) { CHECK(*n == 1); },
          std::make_unique<int>(1));
      const auto g = spin([] { suspend(); });
      CHECK_THROWS_WITH_AS(supervise({g, f}, {.restart = restart_policy::always}),
                           "supervise: fiber \"once\" cannot be restarted: its callable "
                           "takes a move-only argument",
                           structure_error);
      CHECK_THROWS_AS(supervise({.restart = restart_policy::always}), structure_error);
      supervise({f});
      g.stop();
      supervise({f, g});  // the first attempt left no trace
    });
  }

  TEST_CASE("who is stopped along with the supervisor still is after a refusal") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        const auto f = spin([&] {
          const cleanup last([&] { log("f stopped"); });
          suspend();
        });
        CHECK_THROWS_AS(supervise({f, fiber_ref()}), structure_error);
        shield([] { sleep(10ms); });
        log("still unwinding");
        sleep(10ms);
      });
      testing::settle();
      sup.stop();
      testing::settle();
      log("stopped");
      sup.await();
    });
    CHECK(log == trace{"f stopped", "stopped", "still unwinding"});
  }

  TEST_CASE("oneself, a fiber one lives in, a null handle, a fiber with a supervisor") {
    testing::run([] {
      CHECK_THROWS_AS(supervise({this_fiber::self()}), structure_error);
      CHECK_THROWS_AS(supervise({fiber_ref()}), structure_error);
      spin([parent = this_fiber::self()] {
        CHECK_THROWS_AS(supervise({parent}), structure_error);
      }).await();
      const auto f = spin([] { suspend(); });
      CHECK_THROWS_AS(supervise({f, f}), structure_error);
      const auto sup = spin([&] { supervise({f}); });
      testing::settle();
      CHECK_THROWS_AS(supervise({f}), structure_error);
      CHECK_FALSE(f.done());
      sup.interrupt();
      CHECK(f.done());
    });
  }
}

}  // namespace
}  // namespace motet
