// SPDX-License-Identifier: MIT
// On every backend: in the simulation, too, jobs run on real threads.
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

using event = std::binary_semaphore;

/// On the backend that MOTET_BACKEND names.
template <class F>
void run_anywhere(F&& f) {
  run({.signals = signal_policy::none}, std::forward<F>(f));
}

TEST_SUITE("blocking") {
  TEST_CASE("results of every kind come back") {
    run_anywhere([] {
      CHECK(blocking([] { return 7; }) == 7);
      CHECK(*blocking([] { return std::make_unique<int>(8); }) == 8);
      int there = 9;
      int& here = blocking([&]() -> int& { return there; });
      CHECK(&here == &there);
      static_assert(std::is_void_v<decltype(blocking([] {}))>);
      blocking([&] { there = 10; });
      CHECK(there == 10);
      CHECK(*blocking(abandon_on_cancel, [p = std::make_unique<int>(11)]() mutable {
        return std::move(p);
      }) == 11);
      CHECK(blocking([](std::stop_token token) { return token.stop_requested(); }) ==
            false);
      CHECK(blocking({.on_cancel = [] {}}, [] { return 12; }) == 12);
    });
  }

  TEST_CASE("others run meanwhile") {
    run_anywhere([] {
      event go_on(0);
      trace log;
      const auto f = spin([&] {
        blocking([&] { go_on.acquire(); });
        log("job");
      });
      yield();
      log("others");
      go_on.release();
      f.await();
      CHECK(log == trace{"others", "job"});
    });
  }

  TEST_CASE("a timeout over a job works, in virtual time too") {
    run_anywhere([] {
      event told(0);
      const time_point start = clock::now();
      const bool done = move_on_after(2ms, [&] {
        blocking({.on_cancel = [&] { told.release(); }}, [&] { told.acquire(); });
        checkpoint();
      });
      CHECK_FALSE(done);
      CHECK(clock::now() - start >= 2ms);
      CHECK(clock::now() - start < 10s);
    });
  }

  TEST_CASE("time does not jump while a job runs, and does afterwards") {
    testing::run([] {
      const auto ticker = spin([] { sleep(1h); });
      blocking([] {});
      CHECK_FALSE(ticker.done());
      CHECK(clock::now() < time_point(1h));
      ticker.await();
      CHECK(clock::now() >= time_point(1h));
    });
  }

  TEST_CASE("time jumps while a job has its fiber sleep") {
    testing::run([] {
      blocking([] { in_fiber([] { sleep(10h); }); });
      CHECK(clock::now() >= time_point(10h));
    });
  }

  TEST_CASE("in a shield a job is not disturbed") {
    run_anywhere([] {
      int called = 0;
      const auto f = spin([&] {
        this_fiber::self().stop();
        shield([&] { blocking({.on_cancel = [&] { ++called; }}, [] {}); });
        checkpoint();
      });
      CHECK(f.outcome().stopped());
      CHECK(called == 0);
    });
  }

  TEST_CASE("a destructor that runs while something unwinds can wait for a job") {
    run_anywhere([] {
      trace log;
      const auto f = spin([&] {
        const cleanup last([&] { log(blocking([] { return "cleaned up"; })); });
        suspend();
      });
      yield();
      CHECK(f.interrupt().stopped());
      CHECK(log == trace{"cleaned up"});
    });
  }

  TEST_CASE("a mask leaves it to the wait to look") {
    event go_on(0);
    run_anywhere([&] {
      bool came_through = false;
      const auto f = spin([&] {
        mask([&] {
          this_fiber::self().stop();
          blocking(abandon_on_cancel, [&go_on] { go_on.acquire(); });
          came_through = true;
        });
      });
      CHECK(f.outcome().stopped());
      CHECK_FALSE(came_through);
      go_on.release();
    });
  }

  TEST_CASE("outside of fibers there is nobody to wait") {
    CHECK_THROWS_AS(blocking([] {}), const structure_error&);
    run_anywhere([] {
      CHECK_THROWS_AS(blocking([] { blocking([] {}); }), const structure_error&);
    });
  }

  TEST_CASE("the dump says who waits for a job, and the figures what it does") {
    run_anywhere([] {
      event go_on(0);
      event begun(0);
      const auto f = spin([&] {
        blocking([&] {
          begun.release();
          go_on.acquire();
        });
      });
      yield();
      begun.acquire();
      CHECK(dump().find("waits for a blocking job") != std::string::npos);
      const blocking_stats now = stats().blocking;
      CHECK(now.threads == 1);
      CHECK(now.running == 1);
      CHECK(now.queued == 0);
      go_on.release();
      f.await();
    });
    CHECK(stats().blocking == blocking_stats{});
  }
}

}  // namespace
}  // namespace motet
