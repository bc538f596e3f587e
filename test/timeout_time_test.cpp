// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

TEST_SUITE("timeouts: time") {
  TEST_CASE("T-18 (R14): timeouts are never early and always fire (real clock)") {
    run({.signals = signal_policy::none}, [] {
      if (std::string(backend_name()) == "sim") return;  // it has no real clock
      int timeouts = 0;
      for (int i = 0; i < 100; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        try {
          cancel_after(1ms, [] { sleep(1s); });
        } catch (const timeout_error&) {
          ++timeouts;
        }
        const auto elapsed = std::chrono::steady_clock::now() - begin;
        CHECK(elapsed >= 1ms);
        CHECK(elapsed < 500ms);
      }
      CHECK(timeouts == 100);
      CHECK(testing::armed_timers() == 0);
    });
  }

  TEST_CASE("T-20 (R14): a checkpoint sees that time ran out while the fiber computed") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&] {
        log("a");
        testing::busy(20ms);
        checkpoint();
        log("never");
      }));
      log.at("b");
    });
    CHECK(log == trace{"a", "b@20"});
  }

  TEST_CASE("T-20: yield sees that time ran out while the fiber computed") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&] {
        testing::busy(20ms);
        yield();
        log("never");
      }));
      log.at("b");
    });
    CHECK(log == trace{"b@20"});
  }

  TEST_CASE("T-20: reset reads the clock: what is over is over") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&](timeout& t) {
        testing::busy(20ms);
        CHECK_FALSE(t.reset());
        CHECK_FALSE(t.reset(1s));
        CHECK_FALSE(t.reset_at(clock::now() + 1s));
        CHECK_FALSE(t.disarm());
        CHECK(t.fired());
        checkpoint();
        log("never");
      }));
    });
    CHECK(log == trace{});
  }

  TEST_CASE("T-20: a result that comes after the time counts, and fired() tells") {
    testing::run([] {
      bool fired = false;
      const auto r = move_on_after(10ms, [&](timeout& t) {
        const cleanup last([&] { fired = t.fired(); });
        shield([] { sleep(20ms); });
        return 1;
      });
      CHECK(r == std::optional(1));
      CHECK(fired);
      checkpoint();
    });
  }

  TEST_CASE("D4: points that need not park hear of a deadline within their budget") {
    testing::run([] {
      constexpr int budget = 128;
      for (int i = 0; i < 10 * budget; ++i)
        this_fiber::self() << i;
      int taken = 0;
      const bool in_time = move_on_after(10ms, [&] {
        for (; taken < 10 * budget; ++taken) {
          testing::busy(1ms);
          (void)receive<int>();
        }
      });
      CHECK_FALSE(in_time);
      CHECK(taken <= budget);
    });
  }

  TEST_CASE("T-21: a timeout that was left in time never fires later") {
    testing::run([] {
      for (int i = 0; i < 10'000; ++i)
        move_on_after(5ms, [] { sleep(4ms); });
      CHECK(testing::armed_timers() == 0);
      sleep(100ms);
      checkpoint();
      CHECK(test::now_in_ms() == 40'100);
    });
  }

  TEST_CASE("T-22: the longest duration is for ever") {
    testing::run([] {
      const auto body = [] {
        sleep(10ms);
        return 1;
      };
      CHECK(move_on_after(duration::max(), body) == std::optional(1));
      CHECK(move_on_at(time_point::max(), body) == std::optional(1));
      CHECK(move_on_after(1s, [](timeout& t) {
        CHECK(t.reset(duration::max()));
        sleep(2s);
      }));
      CHECK(testing::armed_timers() == 0);
      CHECK(test::now_in_ms() == 2020);
    });
  }

  TEST_CASE("T-22: the longest duration of any unit is for ever") {
    testing::run([] {
      CHECK(move_on_after(std::chrono::hours::max(), [](timeout& t) {
        sleep(10ms);
        CHECK(t.reset(std::chrono::hours::max()));
        sleep(10ms);
      }));
      CHECK_NOTHROW(cancel_after(std::chrono::hours::max(), [] { sleep(10ms); }));
      CHECK_FALSE(move_on_after(std::chrono::hours::min(), [] { sleep(10ms); }));
      CHECK(test::now_in_ms() == 30);
    });
  }

  TEST_CASE("T-23: this_fiber::deadline is that of the nearest timeout in sight") {
    trace log;
    const auto log_deadline = [&] {
      const time_point at = this_fiber::deadline();
      if (at == time_point::max()) return log("inf");
      if (at == time_point::min()) return log("-inf");
      log((at - time_point{}) / 1ms);
    };
    testing::run([&] {
      log_deadline();
      move_on_at(time_point{5ms}, [&](timeout& outer) {
        move_on_at(time_point{10ms}, [&](timeout& inner) {
          log_deadline();
          inner.reset_at(time_point{3ms});
          log_deadline();
          inner.reset_at(time_point{10ms});
          log_deadline();
          shield([&] { log_deadline(); });
          outer.cancel_now();
          log_deadline();
        });
      });
      log_deadline();
    });
    CHECK(log == trace{"inf", "5", "3", "5", "inf", "-inf", "inf"});
  }

  struct my_timeout {};

  template <class F>
  auto with_timeout(duration span, F f) {
    const auto t = spin([span] {
      sleep(span);
      throw my_timeout{};
    });
    const scoped_fiber guard(t);
    return f();
  }

  TEST_CASE("T-26: a timeout made by hand of a fiber can be caught at the call") {
    trace log;
    testing::run([&] {
      try {
        with_timeout(100ms, [] { sleep(1000ms); });
        log("never");
      } catch (const my_timeout&) {
        log.at("x");
      }
      sleep(1ms);
      log("ok");
      CHECK(with_timeout(100ms, [] { return 5; }) == 5);
      CHECK(this_fiber::self().children().empty());
      CHECK(testing::armed_timers() == 0);
      sleep(200ms);
    });
    CHECK(log == trace{"x@100", "ok"});
  }

  TEST_CASE("T-28 (R19): a timeout_error explains itself") {
    testing::run([] {
      unsigned line = 0;
      try {
        line = __LINE__ + 1;
        cancel_after(250ms, [] { suspend(); });
        FAIL_CHECK("a timeout did not fire");
      } catch (const timeout_error& e) {
        const std::string what = e.what();
        const std::string place = "timeout_time_test.cpp:" + std::to_string(line);
        CAPTURE(what);
        CHECK(what.find(place) != std::string::npos);
        CHECK(what.find("250 ms") != std::string::npos);
        CHECK(e.duration() == 250ms);
        const cause why = cause_of(e);
        CHECK(why.reason().kind == cancel_kind::deadline);
        CHECK(why.reason().where.line == line);
        CHECK(why.reason().at == time_point{250ms});
      }
    });
  }

  TEST_CASE("T-28 (R19): so does an exception of one's own, which the timeout throws") {
    testing::run([] {
      try {
        cancel_after(250ms, with_exception<trouble>("slow"), [] { suspend(); });
      } catch (const trouble& e) {
        CHECK(cause_of(e).reason().kind == cancel_kind::deadline);
      }
    });
  }

  TEST_CASE("T-28 (R19): the cancelled of a timeout says what ran out") {
    trace log;
    testing::run([&] {
      move_on_after(250ms, [&] {
        try {
          suspend();
        } catch (const cancelled& c) {
          log(to_string(c.reason().kind));
          CHECK(c.reason().message.find("250 ms") != std::string::npos);
          throw;
        }
      });
    });
    CHECK(log == trace{"deadline"});
  }

  TEST_CASE("T-30: every runs on its grid until the timeout") {
    testing::run([] {
      int n = 0;
      CHECK_FALSE(move_on_after(100ms, [&] { every(20ms, [&] { ++n; }); }));
      CHECK(n == 5);
      CHECK(test::now_in_ms() == 100);
    });
  }

  TEST_CASE("every skips the ticks that it was too busy for, and keeps to its grid") {
    trace log;
    testing::run([&] {
      move_on_after(100ms, [&] {
        every(20ms, [&] {
          log.at("tick");
          if (test::now_in_ms() == 20) testing::busy(30ms);
        });
      });
    });
    CHECK(log == trace{"tick@0", "tick@20", "tick@60", "tick@80"});
  }

  TEST_CASE("R14: nothing fires early, and sleeps of no length only look") {
    trace log;
    testing::run([&] {
      spin([&] { log.at("other"); });
      sleep(0ms);
      sleep(-1h);
      sleep_until(time_point::min());
      log.at("slept");
      sleep(1ns);
      CHECK(clock::now() == time_point{1ns});
      sleep_until(time_point{5ms});
      CHECK(clock::now() == time_point{5ms});
    });
    CHECK(log == trace{"slept@0", "other@0"});
  }

  TEST_CASE("R14: timers fire by deadline, and those of one deadline in their order") {
    trace log;
    testing::run([&] {
      const auto sleeper = [&](const char* name, duration span) {
        spin([&log, name, span] {
          sleep(span);
          log.at(name);
        });
      };
      sleeper("c", 30ms);
      sleeper("a", 10ms);
      sleeper("b1", 20ms);
      sleeper("b2", 20ms);
      sleep(50ms);
    });
    CHECK(log == trace{"a@10", "b1@20", "b2@20", "c@30"});
  }

  TEST_CASE("R14: at one deadline timeouts come before sleepers") {
    trace log;
    testing::run([&] {
      log.at(move_on_after(10ms, [&] {
        sleep(10ms);
        log("never");
      }));
      log.at(move_on_after(20ms, [&] {
        sleep(10ms);
        log.at("half");
        sleep(10ms);
        log("never");
      }));
    });
    CHECK(log == trace{"false@10", "half@20", "false@30"});
  }
}

}  // namespace
}  // namespace motet
