// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace motet {
namespace {

using test::now_in_ms;
using test::trace;
using test::trouble;

TEST_SUITE("throttle") {
  TEST_CASE("so many per second pass, evenly spaced, the first at once") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      for (int n = 1; n <= 4; ++n)
        limit([&] { log.at(n); });
    });
    CHECK(log == trace{"1@0", "2@10", "3@20", "4@30"});
  }

  TEST_CASE("the call's result is returned, its exception thrown") {
    testing::run([] {
      throttle limit{0.5};
      CHECK(limit([] { return 7; }) == 7);
      CHECK_THROWS_AS(limit([] { throw trouble(); }), trouble);
      CHECK(now_in_ms() == 2000);
    });
  }

  TEST_CASE("what is not used is not saved up") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      limit.wait();
      sleep(95ms);
      for (int n = 1; n <= 3; ++n)
        limit([&] { log.at(n); });
    });
    CHECK(log == trace{"1@95", "2@105", "3@115"});
  }

  TEST_CASE("whoever is busy for longer than a step goes at once") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      for (int n = 1; n <= 3; ++n) {
        limit.wait();
        log.at(n);
        sleep(15ms);
      }
    });
    CHECK(log == trace{"1@0", "2@15", "3@30"});
  }

  TEST_CASE("fibers that share one pass in the order in which they came") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      with_scope([&](scope& s) {
        for (int n = 1; n <= 3; ++n) {
          s.spin([&, n] {
            for (int i = 0; i < 2; ++i)
              limit([&] { log.at(n); });
          });
        }
      });
    });
    CHECK(log == trace{"1@0", "1@10", "2@20", "3@30", "2@40", "3@50"});
  }

  TEST_CASE("who is cancelled takes nothing, and those behind move up") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      limit.wait();
      std::vector<fiber<>> waiting;
      for (int n = 1; n <= 4; ++n)
        waiting.push_back(spin([&, n] { limit([&] { log.at(n); }); }));
      sleep(5ms);
      waiting[0].stop();  // at their head
      waiting[2].stop();
      await_all(waiting);
      limit([&] { log.at("main"); });
    });
    CHECK(log == trace{"2@10", "4@20", "main@30"});
  }

  TEST_CASE("when all who wait are cancelled the next turn is still there") {
    testing::run([] {
      throttle limit{100};
      limit.wait();
      CHECK_FALSE(move_on_after(5ms, [&] { limit.wait(); }));
      limit.wait();
      CHECK(now_in_ms() == 10);
      CHECK(move_on_after(15ms, [&] { limit.wait(); }));
      CHECK(now_in_ms() == 20);
    });
  }

  TEST_CASE("R3: a turn that has come before the stop is taken") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      limit.wait();
      fiber<> next;
      spin([&] {
        sleep_until(time_point(10ms));  // comes first, as it was first to ask
        next.stop();
      });
      next = spin([&] {
        limit.wait();
        log.at("passed");
        checkpoint();
        log("never");
      });
      next.await();
    });
    CHECK(log == trace{"passed@10"});
  }

  TEST_CASE("R2: it looks for cancellation even if it need not wait") {
    testing::run([] {
      throttle limit{1};
      CHECK_FALSE(move_on_after(0s, [&] { limit.wait(); }));
      limit.wait();
      CHECK(now_in_ms() == 0);
    });
  }

  TEST_CASE("after a pause of the whole thread no two pass at once") {
    trace log;
    testing::run([&] {
      throttle limit{100};
      with_scope([&](scope& s) {
        for (int n = 1; n <= 4; ++n)
          s.spin([&, n] { limit([&] { log.at(n); }); });
        s.spin([] {
          sleep(5ms);
          testing::busy(30ms);
        });
      });
    });
    CHECK(log == trace{"1@0", "2@35", "3@45", "4@55"});
  }

  TEST_CASE("a rate that is not positive is an error") {
    CHECK_THROWS_AS(throttle{0}, structure_error);
    CHECK_THROWS_AS(throttle{-1.5}, structure_error);
    CHECK_THROWS_AS(throttle{std::numeric_limits<double>::quiet_NaN()}, structure_error);
    testing::run([] {
      throttle fast{1e30};
      throttle slow{1e-300};
      for (int i = 0; i < 3; ++i)
        fast.wait();
      slow.wait();
      CHECK_FALSE(move_on_after(1000h, [&] { slow.wait(); }));
    });
  }
}

}  // namespace
}  // namespace motet
