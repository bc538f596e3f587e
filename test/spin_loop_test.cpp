// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>

namespace motet {
namespace {

using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("loops and delays") {
  TEST_CASE("spin_loop every: at once, then on a fixed grid, missed ticks skipped") {
    trace log;
    testing::run([&] {
      int n = 0;
      const fiber<> loop = spin_loop({.every = 10ms}, [&] {
        log.at(++n);
        if (n == 2) sleep(25ms);
      });
      sleep(55ms);
      loop.stop();
    });
    CHECK(log == trace{"1@0", "2@10", "3@40", "4@50"});
  }

  TEST_CASE("spin_loop with a rate is so many times per second") {
    int n = 0;
    testing::run([&] {
      const fiber<> loop = spin_loop({.rate = 100}, [&] { ++n; });
      sleep(95ms);
      loop.interrupt();
      CHECK(n == 10);
      const fiber<> slow = spin_loop({.rate = 0.5}, [&] { ++n; });
      sleep(3s);
      CHECK(n == 12);
    });
  }

  TEST_CASE("a rate beyond the clock's resolution is as fast as that") {
    int n = 0;
    testing::run([&] {
      const fiber<> loop = spin_loop({.rate = 1e30}, [&] { ++n; });
      sleep(duration(9));
      loop.interrupt();
    });
    CHECK(n == 10);
  }

  TEST_CASE("spin_loop without a pace lets all others run each time") {
    trace log;
    testing::run([&] {
      int n = 0;
      const fiber<> loop = spin_loop([&] { log(++n); });
      for (int i = 0; i < 3; ++i) {
        log("main");
        yield();
      }
      loop.interrupt();
      const fiber<> as_well = spin_loop({}, [&] { log(++n); });
      yield();
      as_well.interrupt();
    });
    CHECK(log == trace{"main", "1", "main", "2", "main", "3", "4"});
  }

  TEST_CASE("a loop ends by what its callable throws") {
    testing::run([&] {
      int n = 0;
      const fiber<> loop = spin_loop({.every = 1s}, [&] {
        if (++n == 3) throw trouble("third");
      });
      CHECK(thrown_by([&] { loop.await(); }) == "third");
      CHECK(test::now_in_ms() == 2000);
    });
  }

  TEST_CASE("a loop owns its callable, and calls the same each time") {
    int last = 0;
    testing::run([&] {
      const fiber<> loop =
          spin_loop({.every = 1s},
                    [&last, n = std::make_unique<int>(0)]() mutable { last = ++*n; });
      sleep(2500ms);
    });
    CHECK(last == 3);
  }

  TEST_CASE("a pace that is negative or given twice is an error where it is asked for") {
    testing::run([&] {
      CHECK_THROWS_AS(spin_loop({.every = -1ms}, [] {}), structure_error);
      CHECK_THROWS_AS(spin_loop({.rate = -1}, [] {}), structure_error);
      CHECK_THROWS_AS(spin_loop({.every = 1ms, .rate = 1}, [] {}), structure_error);
      CHECK(this_fiber::self().children().empty());
    });
  }

  TEST_CASE("spin_after sleeps first") {
    trace log;
    testing::run([&] {
      const fiber<int> f = spin_after(10ms, [&] {
        log.at("runs");
        return 7;
      });
      log.at("spun");
      log.at(f.await());
    });
    CHECK(log == trace{"spun@0", "runs@10", "7@10"});
  }

  TEST_CASE("a delay that is not positive is over at once") {
    trace log;
    testing::run([&] {
      spin_after(0s, [&] { log.at("zero"); }).await();
      spin_after(-1s, [&] { log.at("negative"); }).await();
    });
    CHECK(log == trace{"zero@0", "negative@0"});
  }

  TEST_CASE("spin_after that is stopped before its time never runs the callable") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin_after(10ms, [&] { log("never"); });
      sleep(5ms);
      CHECK(f.stop());
      sleep(10ms);
      CHECK(f.done());
    });
    CHECK(log == trace{});
  }

  TEST_CASE("spin_after owns its arguments, and moves in what can only be moved") {
    testing::run([&] {
      const fiber<int> sum = spin_after(
          1ms, [](int a, const int& b) { return a + b; }, 2, 3);
      CHECK(sum.await() == 5);
      const fiber<int> moved = spin_after(
          1ms, [](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(7));
      CHECK(moved.await() == 7);
      int n = 0;
      const fiber<> referred = spin_after(
          1ms, [](int& by) { ++by; }, std::ref(n));
      referred.await();
      CHECK(n == 1);
      static_assert(std::is_same_v<decltype(spin_after(1ms, [] {})), fiber<>>);
    });
  }
}

}  // namespace
}  // namespace motet
