// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <type_traits>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;
using test::trouble_1;
using test::trouble_2;

TEST_SUITE("settled questions") {
  TEST_CASE("cancelled is small, final, no std::exception, and not for users to make") {
    static_assert(std::is_final_v<cancelled>);
    static_assert(!std::is_base_of_v<std::exception, cancelled>);
    static_assert(!std::is_default_constructible_v<cancelled>);
    static_assert(sizeof(cancelled) == sizeof(void*));
    static_assert(std::is_base_of_v<std::exception, timeout_error>);
    static_assert(std::is_base_of_v<std::exception, cancel_error>);
    static_assert(std::is_base_of_v<std::exception, fiber_stopped>);
    static_assert(std::is_base_of_v<std::exception, deadlock_error>);
  }

  /// A `cancelled` kept beyond the scope it was thrown for.
  std::exception_ptr stale_cancelled() {
    std::exception_ptr kept;
    with_scope([&](scope& s) {
      s.cancel();
      try {
        checkpoint();
      } catch (const cancelled&) {
        kept = std::current_exception();
      }
    });
    return kept;
  }

  TEST_CASE("a cancelled that nobody asked for cannot pass for a clean stop") {
    testing::run([] {
      const auto f = spin([] { std::rethrow_exception(stale_cancelled()); });
      const auto e = f.outcome();
      CHECK(e.failed());
      CHECK_FALSE(e.stopped());
      CHECK_THROWS_AS(f.await(), structure_error);
    });
  }

  TEST_CASE("a scope that was not asked to stop lets a cancelled pass") {
    testing::run([] {
      CHECK_THROWS_AS(
          move_on_after(1s, [] { std::rethrow_exception(stale_cancelled()); }),
          cancelled);
      CHECK_THROWS_AS(
          with_scope([](scope&) { std::rethrow_exception(stale_cancelled()); }),
          cancelled);
    });
  }

  TEST_CASE("a cleanup that fails makes the fiber fail, not stop") {
    testing::run([] {
      const auto f = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble("cleanup");
        }
      });
      testing::settle();
      f.stop("why");
      const auto e = f.outcome();
      CHECK(e.failed());
      CHECK_FALSE(e.stopped());
      CHECK(e.cancel_requested());
      CHECK(e.reason().message == "why");
      CHECK_THROWS_WITH_AS(f.await(), "cleanup", trouble);
    });
  }

  TEST_CASE("reason() is that of the outermost scope in sight, when asked") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        with_scope([&](scope& inner) {
          inner.cancel("inner");
          try {
            checkpoint();
          } catch (const cancelled& c) {
            log(c.reason().message);
            outer.cancel("outer");
            log(c.reason().message);
            shield([&] { log(c.reason().message); });
            throw;
          }
        });
        log("never");
      });
    });
    CHECK(log == trace{"inner", "outer", "inner"});
  }

  TEST_CASE("spin puts the fiber at the end of the queue and does not run it") {
    trace log;
    testing::run([&] {
      spin([&] {
        log("a");
        const auto c = spin([&] { log("c"); });
        log("a goes on");
        c.await();
      });
      spin([&] { log("b"); });
      log("main");
      yield();
      log("main again");
      yield();
      log("end");
    });
    CHECK(log == trace{"main", "a", "a goes on", "b", "main again", "c", "end"});
  }

  TEST_CASE("a parked fiber that is stopped is queued when the request is made") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] { log("f"); });
        suspend();
      });
      testing::settle();
      spin([&] { log("before"); });
      f.stop();
      spin([&] { log("after"); });
      yield();
    });
    CHECK(log == trace{"before", "f", "after"});
  }

  TEST_CASE("a fiber's end is announced before its awaiter goes on") {
    trace log;
    testing::run([&] {
      const auto c = spin([] { return 1; });
      c.monitor();
      c.await();
      const auto notice = try_receive<ended>();
      REQUIRE(notice.has_value());
      CHECK(notice->who == c);
      CHECK_FALSE(notice->how.failed());
      CHECK(c.done());
      CHECK(this_fiber::self().children().empty());
    });
  }

  TEST_CASE("one error travels bare, two as a group: the body's, then as children end") {
    testing::run([] {
      const auto fail_with = [](int children, bool body) {
        with_scope([&](scope& s) {
          if (children > 0) {
            s.spin([] {
              const cleanup last([] { sleep(10ms); });
              throw trouble_1();
            });
          }
          if (children > 1) s.spin([] { throw trouble_2(); });
          testing::settle();
          if (body) throw trouble();
        });
      };
      CHECK_THROWS_AS(fail_with(1, false), trouble_1);
      CHECK_THROWS_AS(fail_with(0, true), trouble);
      try {
        fail_with(2, true);
        FAIL_CHECK("two errors were lost");
      } catch (const exception_group& group) {
        const auto errors = group.errors();
        REQUIRE(errors.size() == 3);
        CHECK_THROWS_AS(std::rethrow_exception(errors[0]), trouble);
        CHECK_THROWS_AS(std::rethrow_exception(errors[1]), trouble_2);
        CHECK_THROWS_AS(std::rethrow_exception(errors[2]), trouble_1);
      }
    });
  }

  TEST_CASE("a group holds a thousand errors and counts the rest") {
    testing::run([] {
      try {
        with_scope([](scope& s) {
          for (int i = 0; i < 1'500; ++i) {
            s.spin({.stack_size = 16'384, .start = start_policy::always},
                   [] { throw trouble(); });
          }
        });
        FAIL_CHECK("errors were lost");
      } catch (const exception_group& group) {
        CHECK(group.errors().size() == exception_group::capacity);
        CHECK(group.dropped() == 500);
      }
    });
  }

  TEST_CASE("of two verbs the first meaning holds") {
    testing::run([] {
      const auto parked = [] {
        const auto f = spin([]() -> int { suspend(); });
        testing::settle();
        return f;
      };
      const auto moved = parked();
      CHECK(moved.move_on(1));
      CHECK_FALSE(moved.stop());
      CHECK_FALSE(moved.move_on(2));
      CHECK(moved.await() == 1);
      const auto stopped = parked();
      CHECK(stopped.stop());
      CHECK_FALSE(stopped.move_on(1));
      CHECK_FALSE(stopped.cancel());
      CHECK_FALSE(stopped.restart());
      CHECK(stopped.outcome().stopped());
    });
  }

  TEST_CASE("a stop during the grace of terminate comes now") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.terminate(10s));
      sleep(1s);
      CHECK_FALSE(f.done());
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
      CHECK(clock::now() == time_point{1s});
      CHECK(testing::armed_timers() == 0);
    });
  }

  TEST_CASE("a shorter grace replaces a longer one, not the other way round") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.terminate(10s));
      CHECK(f.terminate(1s));
      CHECK_FALSE(f.terminate(5s));
      CHECK(f.outcome().stopped());
      CHECK(clock::now() == time_point{1s});
    });
  }

  TEST_CASE("move_on during the grace of terminate comes now, and stops") {
    testing::run([] {
      const auto f = spin([]() -> int { suspend(); });
      testing::settle();
      CHECK(f.terminate(10s));
      CHECK(f.move_on(1));
      CHECK(f.outcome().stopped());
      CHECK(clock::now() == time_point{});
    });
  }

  TEST_CASE("verbs on a fiber whose body is done and whose children are not do nothing") {
    testing::run([] {
      const auto f = spin([] {
        spin([] { shield([] { sleep(10ms); }); });
        yield();
        return 1;
      });
      testing::settle();
      CHECK_FALSE(f.done());
      CHECK_FALSE(f.stop());
      CHECK_FALSE(f.move_on(2));
      CHECK_FALSE(f.cancel());
      CHECK_FALSE(f.raise(trouble()));
      CHECK_FALSE(f.terminate(1s));
      CHECK(f.await() == 1);
      CHECK(test::now_in_ms() == 10);
    });
  }
}

}  // namespace
}  // namespace motet
