// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

// After the documentation of Effect (TypeScript): "Fibers", "Interruption", "Timing out".
TEST_SUITE("seed: Effect") {
  TEST_CASE("interrupting a fiber returns how it ended, and says who and where") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        for (;;) {
          sleep(10ms);
          log.at("Hi!");
        }
      });
      sleep(25ms);
      const call_site before = call_site::here();
      const auto exit = f.interrupt("not needed any more");
      CHECK(exit.stopped());
      CHECK_FALSE(exit.failed());
      const cancel_reason& why = exit.reason();
      CHECK(why.kind == cancel_kind::stop);
      CHECK(why.source == this_fiber::self());
      CHECK(why.where.line == before.line + 1);
      CHECK(why.message == "not needed any more");
      CHECK(why.at == clock::now());
      log.at("interrupted");
    });
    CHECK(log == trace{"Hi!@10", "Hi!@20", "interrupted@25"});
  }

  TEST_CASE("interrupting waits until the finalizers are done: back-pressure") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(50ms);
          log.at("released");
        });
        suspend();
      });
      testing::settle();
      f.interrupt();
      log.at("back");
      const auto next = spin([&] { log.at("next of its kind"); });
      next.await();
    });
    CHECK(log == trace{"released@50", "back@50", "next of its kind@50"});
  }

  TEST_CASE("interrupting in the background does not wait") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(50ms);
          log.at("released");
        });
        suspend();
      });
      testing::settle();
      // interruptFork; or, with the back-pressure in a fiber of its own:
      const auto other = spin([f] { return f.interrupt().stopped(); });
      f.stop();
      log.at("something else");
      CHECK(other.await());
      log.at("ended");
    });
    CHECK(log == trace{"something else@0", "released@50", "ended@50"});
  }

  TEST_CASE("what was interrupted runs its finalizers, the last first") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup first([&] { log("connection"); });
        const cleanup second([&] { log("transaction"); });
        const cleanup third([&] { log("statement"); });
        suspend();
      });
      testing::settle();
      f.interrupt();
    });
    CHECK(log == trace{"statement", "transaction", "connection"});
  }

  TEST_CASE("of two that race the slower one is interrupted before the race is over") {
    trace log;
    testing::run([&] {
      std::string winner;
      const auto task = [&](scope& s, const char* name, duration d) {
        try {
          sleep(d);
          winner = name;
          log.at(std::string(name) + " done");
          s.cancel("the race is won");
        } catch (const cancelled&) {
          shield([] { sleep(5ms); });
          log.at(std::string(name) + " interrupted");
          throw;
        }
      };
      with_scope([&](scope& s) {
        s.spin(task, std::ref(s), "task1", 100ms);
        s.spin(task, std::ref(s), "task2", 200ms);
      });
      log.at(winner);
    });
    CHECK(log == trace{"task1 done@100", "task2 interrupted@105", "task1@105"});
  }

  TEST_CASE("an error in a finalizer comes out, and the interruption is its cause") {
    testing::run([] {
      const auto f = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble("while releasing");
        }
      });
      testing::settle();
      const auto exit = f.interrupt("enough");
      CHECK(exit.failed());
      CHECK(exit.cancel_requested());
      CHECK(exit.reason().message == "enough");
    });
  }

  TEST_CASE("what must not be interrupted holds the interruption off to its end") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log("Start heavy processing...");
        shield([] { sleep(5s); });
        log.at("Heavy processing done.");
        checkpoint();
        log("never");
      });
      sleep(1s);
      const auto exit = f.interrupt();
      log.at(exit.stopped() ? "interrupted" : "not");
    });
    CHECK(log == trace{"Start heavy processing...", "Heavy processing done.@5000",
                       "interrupted@5000"});
  }

  TEST_CASE("all fibers of a list are interrupted together") {
    trace log;
    testing::run([&] {
      const auto releases_after = [&](duration d) {
        return spin([&log, d] {
          const cleanup last([&log, d] {
            sleep(d);
            log.at("released");
          });
          suspend();
        });
      };
      const auto a = releases_after(30ms);
      const auto b = releases_after(10ms);
      const auto c = releases_after(20ms);
      testing::settle();
      for (const ending& exit : interrupt_all(a, b, c))
        CHECK(exit.stopped());
      log.at("all");
    });
    CHECK(log == trace{"released@10", "released@20", "released@30", "all@30"});
  }
}

}  // namespace
}  // namespace motet
