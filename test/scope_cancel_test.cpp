// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

TEST_SUITE("scopes: cancelling") {
  TEST_CASE("S-06: a fiber spun into a cancelled scope never runs") {
    trace log;
    testing::run([&] {
      try {
        with_scope([&](scope& s) {
          s.fail(trouble());
          const auto c = s.spin([&] { log("never"); });
          log("main");
          CHECK(shield([&] { return c.outcome(); }).stopped());
        });
      } catch (const trouble&) {
        log("E");
      }
    });
    CHECK(log == trace{"main", "E"});
  }

  TEST_CASE("S-23: cancellation reaches all leaves") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        for (const std::string worker : {"w1", "w2"}) {
          s.spin([&log, worker] {
            with_scope([&](scope& inner) {
              for (const std::string leaf : {"l1", "l2"}) {
                inner.spin([&log, name = worker + leaf] {
                  try {
                    suspend();
                  } catch (const cancelled&) {
                    log(name);
                    throw;
                  }
                });
              }
            });
            log("never");
          });
        }
        testing::settle();
        CHECK(s.cancel());
      });
    });
    CHECK(log == trace{"w1l1", "w1l2", "w2l1", "w2l2"});
  }

  TEST_CASE("S-27: leaving a scope in which nothing was stopped is no point") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& c) {
        CHECK(c.cancel());
        with_scope([](scope&) {});
        log("r");
        CHECK(this_fiber::cancel_pending());
      });
      log("out");
    });
    CHECK(log == trace{"r", "out"});
  }

  TEST_CASE("leaving a scope throws if a child was stopped from further out") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        spin([&] {
          sleep(10ms);
          outer.cancel();
        });
        with_scope([&](scope& inner) { inner.spin([] { suspend(); }); });
        log("never");
      });
      log.at("out");
    });
    CHECK(log == trace{"out@10"});
  }

  TEST_CASE("leaving a scope does not throw if its children ended all the same") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        spin([&] {
          sleep(10ms);
          outer.cancel();
        });
        with_scope([&](scope& inner) {
          inner.spin([] { shield([] { sleep(30ms); }); });
          const auto b = inner.spin([] { shield([] { sleep(5ms); }); });
          CHECK(b.stop("a request of its own"));
        });
        log.at("left");
        checkpoint();
        log("never");
      });
      log("out");
    });
    CHECK(log == trace{"left@30", "out"});
  }

  TEST_CASE("a scope that absorbs its own cancel and owes a result throws cancel_error") {
    testing::run([] {
      try {
        (void)with_scope([](scope& s) -> int {
          CHECK(s.cancel("changed my mind"));
          suspend();
        });
        FAIL("there is no result");
      } catch (const cancel_error& e) {
        CHECK(std::string(e.what()) == "changed my mind");
      }
    });
  }

  TEST_CASE("a result that was returned wins over the scope's cancel") {
    testing::run([] {
      const int r = with_scope([](scope& s) {
        CHECK(s.cancel());
        return 7;
      });
      CHECK(r == 7);
    });
  }

  TEST_CASE("an exception raised while a scope waits counts as thrown by its body") {
    trace log;
    testing::run([&] {
      fiber<> child;
      const auto f = spin([&] {
        try {
          with_scope([&](scope& s) { child = s.spin([] { sleep(1s); }); });
          log("never");
        } catch (const trouble&) {
          log.at("caught");
        }
        sleep(1ms);
        log.at("on");
      });
      sleep(10ms);
      CHECK(f.raise(trouble()));
      f.await();
      CHECK(child.outcome().stopped());
    });
    CHECK(log == trace{"caught@10", "on@11"});
  }

  TEST_CASE("a stop cancels a scope that waits, and its children are awaited") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        with_scope([&](scope& s) {
          s.spin([&] {
            const cleanup last([&] {
              sleep(20ms);
              log.at("child");
            });
            suspend();
          });
        });
        log("never");
      });
      sleep(10ms);
      CHECK(f.interrupt().stopped());
      log.at("stopped");
    });
    CHECK(log == trace{"child@30", "stopped@30"});
  }
}

}  // namespace
}  // namespace motet
