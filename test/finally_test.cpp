// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("finally") {
  TEST_CASE("M-25: a finalizer runs shielded, whatever ends the block") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const finally last([&] {
          sleep(20ms);
          log.at("f");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      {
        const finally last([&] { log("value"); });
      }
      try {
        const finally last([&] {
          sleep(5ms);
          log.at("error");
        });
        throw trouble("t");
      } catch (const trouble&) {
        log("caught");
      }
    });
    CHECK(log == trace{"f@20", "value", "error@25", "caught"});
  }

  TEST_CASE("M-25: stopped, and the finalizer failed: an error, the stop in its cause") {
    testing::run([] {
      const auto f = spin([] {
        const finally last([] { throw trouble("cleanup"); });
        suspend();
      });
      testing::settle();
      const auto e = f.interrupt("enough");
      REQUIRE(e.failed());
      CHECK(describe(e.error()) == "cleanup");
      CHECK(e.reason().message == "enough");
      CHECK_FALSE(e.stopped());
    });
  }

  TEST_CASE("M-25: a value, and the finalizer failed: the nearest boundary throws that") {
    testing::run([] {
      trace log;
      CHECK_THROWS_AS(move_on_after(1s,
                                    [&] {
                                      const finally last([] { throw trouble("c"); });
                                      return 7;
                                    }),
                      const trouble&);
      CHECK_THROWS_AS(
          with_scope([&](scope&) { const finally last([] { throw trouble("c"); }); }),
          const trouble&);
      // Not at the end of the inner block: the boundary is that of the scope.
      try {
        with_scope([&](scope&) {
          {
            const finally last([] { throw trouble("late"); });
          }
          log("goes on");
        });
      } catch (const trouble& e) {
        log(e.what());
      }
      CHECK(log == trace{"goes on", "late"});
    });
  }

  TEST_CASE("M-25: a timeout that ran out while a finalizer failed throws that") {
    testing::run([] {
      CHECK_THROWS_AS(move_on_after(10ms,
                                    [] {
                                      const finally last([] { throw trouble("c"); });
                                      sleep(1s);
                                    }),
                      const trouble&);
    });
  }

  TEST_CASE("E-08: the errors of finalizers follow that of the body, in its cause") {
    testing::run([] {
      const auto f = spin([] {
        const finally guard2([] { throw trouble("e3"); });
        const finally guard1([] { throw trouble("e2"); });
        throw trouble("e1");
      });
      const auto e = f.outcome();
      REQUIRE(e.failed());
      CHECK(describe(e.error()) == "e1");
      REQUIRE(e.cause().errors().size() == 2);
      CHECK(describe(e.cause().errors()[0]) == "e2");
      CHECK(describe(e.cause().errors()[1]) == "e3");
    });
  }

  TEST_CASE("E-08: the same for scopes and timeouts, where it is caught") {
    testing::run([] {
      const auto failing = [] {
        const finally guard2([] { throw trouble("e3"); });
        const finally guard1([] { throw trouble("e2"); });
        throw trouble("e1");
      };
      const auto check = [](const trouble& e) {
        CHECK(std::string(e.what()) == "e1");
        const auto why = cause_of(e);
        REQUIRE(why.errors().size() == 2);
        CHECK(describe(why.errors()[0]) == "e2");
        CHECK(describe(why.errors()[1]) == "e3");
      };
      try {
        with_scope([&](scope&) { failing(); });
        CHECK(false);
      } catch (const trouble& e) {
        check(e);
      }
      try {
        (void)cancel_after(1s, failing);
        CHECK(false);
      } catch (const trouble& e) {
        check(e);
      }
    });
  }

  TEST_CASE(
      "E-08: no body error: children's errors, then finalizers' last in first out") {
    testing::run([] {
      try {
        with_scope([](scope& s) {
          const finally guard2([] { throw trouble("f2"); });
          const finally guard1([] { throw trouble("f1"); });
          s.spin([] { throw trouble("child"); });
        });
        CHECK(false);
      } catch (const exception_group& g) {
        REQUIRE(g.errors().size() == 3);
        CHECK(describe(g.errors()[0]) == "child");
        CHECK(describe(g.errors()[1]) == "f1");
        CHECK(describe(g.errors()[2]) == "f2");
      }
    });
  }

  TEST_CASE("a finalizer's error in a run that is restarted goes to the cause") {
    testing::run([] {
      int runs = 0;
      const auto f = spin([&] {
        if (++runs == 2) return;
        const finally last([] { throw trouble("c"); });
        suspend();
      });
      testing::settle();
      CHECK(f.restart());
      const auto e = f.outcome();
      CHECK(e.has_value());
      REQUIRE(e.cause().errors().size() == 1);
      CHECK(describe(e.cause().errors()[0]) == "c");
    });
  }

  TEST_CASE("on_cancel runs its handler on a cancellation only") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        on_cancel(
            [&](const cancel_reason& why) {
              sleep(10ms);
              log.at(why.message);
            },
            [] { suspend(); });
        log("never");
      });
      testing::settle();
      CHECK(f.interrupt("bye").stopped());
      CHECK(on_cancel([&] { log("never"); }, [] { return 7; }) == 7);
      CHECK_THROWS_AS(on_cancel([&] { log("never"); }, [] { throw trouble("t"); }),
                      const trouble&);
    });
    CHECK(log == trace{"bye@10"});
  }

  TEST_CASE("M-16: what was acquired is released, and only its use is cancelled") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        acquire_use_release(
            [&] {
              sleep(100ms);
              log.at("acq");
              return 1;
            },
            [&](int) {
              checkpoint();
              log("never");
            },
            [&](int held) {
              CHECK(held == 1);
              sleep(10ms);
              log.at("rel");
            });
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"acq@100", "rel@110"});
  }

  TEST_CASE("M-16: nothing is acquired once cancelled") {
    trace log;
    testing::run([&] {
      const auto f = spin({.start = start_policy::always}, [&] {
        acquire_use_release([&] { log("never"); }, [] {}, [] {});
      });
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{});
  }

  TEST_CASE("M-16: results, errors of each step, and both at once") {
    testing::run([] {
      auto made = acquire_use_release(
          [] { return 3; }, [](int n) { return std::make_unique<int>(n); }, [](int) {});
      CHECK(*made == 3);
      const auto fail = [](const char* what) { throw trouble(what); };
      CHECK_THROWS_WITH_AS(
          acquire_use_release([&] { fail("a"); }, [] {}, [&] { fail("never"); }), "a",
          const trouble&);
      CHECK_THROWS_WITH_AS(
          acquire_use_release([] { return 1; }, [](int) {}, [&](int) { fail("r"); }), "r",
          const trouble&);
      try {
        acquire_use_release([] { return 1; }, [&](int) { fail("u"); },
                            [&](int) { fail("r"); });
        CHECK(false);
      } catch (const trouble& e) {
        CHECK(std::string(e.what()) == "u");
        REQUIRE(cause_of(e).errors().size() == 1);
        CHECK(describe(cause_of(e).errors()[0]) == "r");
      }
    });
  }
}

}  // namespace
}  // namespace motet
