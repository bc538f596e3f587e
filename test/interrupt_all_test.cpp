// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <list>
#include <string>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

/// Parks; once stopped, cleans up for as long.
fiber<> cleans_up_for(duration d) {
  return spin([d] {
    const cleanup last([d] { sleep(d); });
    suspend();
  });
}

TEST_SUITE("interrupt_all") {
  TEST_CASE("R-17: interrupt_all waits for the slowest, not for the sum") {
    trace log;
    int finalized = 0;
    testing::run([&] {
      std::vector<fiber<>> fibers;
      for (int i = 0; i < 26; ++i) {
        fibers.push_back(spin([&, i] {
          const cleanup last([&] {
            sleep(std::chrono::milliseconds(i));
            ++finalized;
          });
          suspend();
        }));
      }
      testing::settle();
      const auto ends = interrupt_all(fibers, "closing");
      log.at("x");
      REQUIRE(ends.size() == 26);
      for (const auto& e : ends) {
        CHECK(e.stopped());
        CHECK(e.reason().message == "closing");
        CHECK(e.reason().source == this_fiber::self());
      }
    });
    CHECK(log == trace{"x@25"});
    CHECK(finalized == 26);
  }

  TEST_CASE("interrupt_all tells how each has ended, in the order given") {
    testing::run([] {
      const auto value = spin([] { return 7; });
      const auto late = spin({.start = start_policy::always}, [] {
        shield([] { sleep(5ms); });
        return 8;
      });
      const auto stopped = spin([]() -> int { suspend(); });
      const auto failed = spin([]() -> int {
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble("of the cleanup");
        }
      });
      testing::settle();
      const std::list<fiber<int>> all{value, late, stopped, failed};
      const std::vector<outcome<int>> ends = interrupt_all(all);
      CHECK(ends[0].value() == 7);
      CHECK_FALSE(ends[0].cancel_requested());
      CHECK(ends[1].value() == 8);
      CHECK(ends[1].cancel_requested());
      CHECK(ends[2].stopped());
      CHECK(ends[3].failed());
      checkpoint();  // and the error is not raised as well
    });
  }

  TEST_CASE("fibers of any types can be given one by one, or as references") {
    testing::run([] {
      const auto a = spin([] { suspend(); });
      const auto b = spin([]() -> int { suspend(); });
      testing::settle();
      std::vector<ending> ends = interrupt_all(a, b);
      CHECK(ends[0].stopped());
      CHECK(ends[1].stopped());
      ends = interrupt_all({a, b});
      CHECK(ends.size() == 2);
      ends = interrupt_all(std::vector<fiber_ref>{b, a}, "again");
      CHECK(ends[0].stopped());
      CHECK(interrupt_all(std::vector<fiber<>>{}).empty());
    });
  }

  TEST_CASE("cancelling who waits in interrupt_all revokes no request") {
    trace log;
    testing::run([&] {
      const auto a = cleans_up_for(30ms);
      const auto b = cleans_up_for(50ms);
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { interrupt_all(a, b); }));
      log.at("gave up");
      CHECK(a.outcome().stopped());
      CHECK(b.outcome().stopped());
      log.at("ended");
    });
    CHECK(log == trace{"gave up@10", "ended@50"});
  }

  TEST_CASE("interrupt_all asks first: only its wait is a point") {
    testing::run([] {
      const auto a = spin([] { suspend(); });
      const auto b = spin([] { suspend(); });
      testing::settle();
      with_scope([&](scope& s) {
        s.cancel();
        interrupt_all(a, b);
        FAIL("not reached");
      });
      CHECK(a.cancel_requested());
      CHECK(b.cancel_requested());
      CHECK(a.outcome().stopped());
    });
  }

  TEST_CASE("interrupt_all of oneself is an error, and stops nobody") {
    testing::run([] {
      const auto a = spin([] { suspend(); });
      CHECK_THROWS_AS(interrupt_all({a, this_fiber::self()}), deadlock_error);
      CHECK_FALSE(a.cancel_requested());
    });
  }

  TEST_CASE("a cleanup that fails while interrupt_all waits does not cut it short") {
    trace log;
    testing::run([&] {
      const auto quick = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble();
        }
      });
      const auto slow = cleans_up_for(50ms);
      testing::settle();
      CHECK(interrupt_all(slow, quick)[1].failed());
      log.at("both");
      checkpoint();
    });
    CHECK(log == trace{"both@50"});
  }
}

TEST_SUITE("exit_now") {
  TEST_CASE("exit_now leaves the fiber at once, through all its scopes") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] { log("unwound"); });
        move_on_after(1s, [&] {
          with_scope([&](scope&) {
            try {
              this_fiber::exit_now("done here");
            } catch (const cancelled& c) {
              log(c.reason().message);
              throw;
            }
          });
        });
        log("never");
      });
      const auto how = f.outcome();
      CHECK(how.stopped());
      CHECK(how.reason().kind == cancel_kind::stop);
      log.at("out");
    });
    CHECK(log == trace{"done here", "unwound", "out@0"});
  }

  TEST_CASE("exit_now needs no point, and an earlier request keeps its meaning") {
    testing::run([] {
      const auto f = spin([]() -> int {
        const fiber_ref self = this_fiber::self();
        self.cancel("first");
        this_fiber::exit_now("second");
      });
      CHECK_THROWS_WITH_AS((void)f.await(), "first", cancel_error);
    });
  }

  TEST_CASE("exit_now in a shield is an error, and asks nothing") {
    testing::run([] {
      const auto f = spin([] {
        shield([] { CHECK_THROWS_AS(this_fiber::exit_now(), structure_error); });
        shield([] {
          move_on_after(1s,
                        [] { CHECK_THROWS_AS(this_fiber::exit_now(), structure_error); });
        });
        checkpoint();
      });
      f.await();
      CHECK_FALSE(f.cancel_requested());
    });
  }

  TEST_CASE("exit_now works where a shield is open again") {
    testing::run([] {
      const auto f = spin(
          [] { shield([](auto restore) { restore([] { this_fiber::exit_now(); }); }); });
      CHECK(f.outcome().stopped());
    });
  }

  TEST_CASE("exit_now in a destructor during unwinding is an error") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          try {
            this_fiber::exit_now();
          } catch (const structure_error&) {
            log("refused");
          }
        });
        throw trouble();
      });
      CHECK_THROWS_AS(f.await(), trouble);
      CHECK_FALSE(f.cancel_requested());
    });
    CHECK(log == trace{"refused"});
  }

  TEST_CASE("exit_now ends the main fiber, too") {
    trace log;
    testing::run([&] {
      const cleanup last([&] { log("unwound"); });
      this_fiber::exit_now();
    });
    CHECK(log == trace{"unwound"});
    CHECK_THROWS_AS(testing::run([]() -> int { this_fiber::exit_now(); }), fiber_stopped);
    CHECK_THROWS_AS(this_fiber::exit_now(), structure_error);
  }
}

}  // namespace
}  // namespace motet
