// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

struct interrupted : trouble {
  interrupted() : trouble("interrupted") {}
};

// After Herb Sutter, "Interrupt Politely": never kill; throw at documented points, and
// the target may refuse; let it poll, too.
TEST_SUITE("seed: Sutter, Interrupt Politely") {
  TEST_CASE("there is no kill: what runs without a point comes to its end") {
    trace log;
    testing::run([&] {
      std::pair<int, int> account{100, 0};
      const auto f = spin([&] {
        for (;;) {
          --account.first;
          testing::busy(1ms);  // asked to stop meanwhile
          ++account.second;
          yield();
        }
      });
      yield();
      f.interrupt();
      CHECK(account.first + account.second == 100);
      CHECK(account.second == 1);
    });
  }

  TEST_CASE("an interrupt is an exception at a point, and the target may go on") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        for (int attempt = 1; attempt <= 3; ++attempt) {
          try {
            sleep(10ms);
            log.at("slept");
          } catch (const interrupted&) {
            log.at("refused");
          }
        }
      });
      sleep(15ms);
      CHECK(f.raise(interrupted()));
      CHECK_NOTHROW(f.await());
    });
    CHECK(log == trace{"slept@10", "refused@15", "slept@25"});
  }

  TEST_CASE("who accepts it unwinds, and releases what it holds") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup lock([&] { log("unlocked"); });
        sleep(1h);
      });
      testing::settle();
      CHECK(f.raise(interrupted()));
      try {
        f.await();
      } catch (const interrupted&) {
        log.at("interrupted");
      }
    });
    CHECK(log == trace{"unlocked", "interrupted@0"});
  }

  TEST_CASE("an interrupt that comes between points waits for the next one, once") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([] { sleep(10ms); });  // as long as it is asked
        log.at("worked on");
        try {
          checkpoint();
        } catch (const interrupted&) {
          log("interrupted");
        }
        checkpoint();
        log("on");
      });
      testing::settle();
      f.raise(interrupted());
      f.await();
    });
    CHECK(log == trace{"worked on@10", "interrupted", "on"});
  }

  TEST_CASE("stop is the same, but takes no for an answer only until the next point") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        for (int i = 0; i < 3; ++i) {
          try {
            sleep(10ms);
          } catch (const cancelled&) {
            log.at("refused");
          }
        }
        log("ends as it likes");
        return 7;
      });
      testing::settle();
      f.stop();
      const auto how = f.outcome();
      CHECK(how.value() == 7);
      CHECK(how.cancel_requested());
    });
    CHECK(log == trace{"refused@0", "refused@0", "refused@0", "ends as it likes"});
  }

  TEST_CASE("polling throws nothing: a loop that computes sees the request and returns") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        int done = 0;
        while (!this_fiber::cancel_pending()) {
          ++done;
          testing::busy(1ms);
          if (done == 5) this_fiber::self().stop("as anybody might");
        }
        log.at("polled");
        return done;  // what there is is worth having
      });
      CHECK(f.await() == 5);
    });
    CHECK(log == trace{"polled@5"});
  }

  TEST_CASE("polling by checkpoint unwinds a loop that computes") {
    trace log;
    testing::run([&] {
      int done = 0;
      const bool ended = move_on_after(5ms, [&] {
        const cleanup last([&] { log.at("unwound"); });
        for (;;) {
          checkpoint();
          ++done;
          testing::busy(1ms);
        }
      });
      CHECK_FALSE(ended);
      CHECK(done == 5);
    });
    CHECK(log == trace{"unwound@5"});
  }

  TEST_CASE("polling for code that is no fiber is a token") {
    testing::run([] {
      const auto f = spin([] {
        const std::stop_token token = this_fiber::stop_token();
        int rounds = 0;
        while (!token.stop_requested()) {
          ++rounds;
          shield([] { sleep(10ms); });
          move_on_after(0ms, [] { checkpoint(); });
        }
        return rounds;
      });
      sleep(25ms);
      f.terminate(1s);
      CHECK(f.await() == 3);
    });
  }

  TEST_CASE("workers of a search are stopped once one has found a match") {
    trace log;
    testing::run([&] {
      std::optional<int> found;
      with_scope([&](scope& s) {
        for (int worker = 0; worker < 4; ++worker) {
          s.spin([&, worker] {
            const cleanup last([&] { log.at(worker); });
            for (int at = worker; at < 1000; at += 4) {
              sleep(1ms);
              if (at != 42) continue;
              found = at;
              s.cancel("found");
            }
          });
        }
      });
      CHECK(found == 42);
    });
    CHECK(log == trace{"2@11", "3@11", "0@11", "1@11"});
  }

  TEST_CASE("points are where a call may wait, not where it does") {
    testing::run([] {
      with_scope([](scope& s) {
        s.cancel();
        CHECK_THROWS_AS(checkpoint(), cancelled);
        CHECK_THROWS_AS(sleep(0ms), cancelled);
        this_fiber::self() << 1;
        CHECK_THROWS_AS((void)receive<int>(), cancelled);
        CHECK(try_receive<int>() == 1);
      });
    });
  }
}

}  // namespace
}  // namespace motet
