// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

TEST_SUITE("timeouts") {
  TEST_CASE("T-01: a block that takes too long is left without its result") {
    trace log;
    testing::run([&] {
      const std::optional<int> r = move_on_after(100ms, [&] {
        sleep(1000ms);
        log("never");
        return 1;
      });
      log.at(r.has_value());
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"false@100"});
  }

  TEST_CASE("T-01: a block without a result tells whether it ended by itself") {
    trace log;
    testing::run([&] {
      log.at(move_on_after(100ms, [] { sleep(1000ms); }));
      log.at(move_on_after(100ms, [] { sleep(10ms); }));
    });
    CHECK(log == trace{"false@100", "true@110"});
  }

  TEST_CASE("T-02: a block that ends in time has its result and leaves no timer") {
    trace log;
    testing::run([&] {
      const std::optional<int> r = move_on_after(100ms, [] {
        sleep(10ms);
        CHECK(testing::armed_timers() == 1);
        return 1;
      });
      log.at(r.value());
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"1@10"});
  }

  TEST_CASE("T-03: a fallback stands in for the result") {
    trace log;
    testing::run([&] {
      const std::string late = move_on_after(100ms, "bar", [] {
        sleep(1000ms);
        return std::string("foo");
      });
      log.at(late);
      const std::string early =
          move_on_after(100ms, "bar", [] { return std::string("foo"); });
      log.at(early);
    });
    CHECK(log == trace{"bar@100", "foo@100"});
  }

  TEST_CASE("T-04: cancel_after throws timeout_error") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(100ms, [] { sleep(1000ms); });
        log("never");
      } catch (const timeout_error& e) {
        log.at(e.duration() / 1ms);
        CHECK(e.code() == std::errc::timed_out);
      }
      const int r = cancel_after(100ms, [] { return 5; });
      log.at(r);
    });
    CHECK(log == trace{"100@100", "5@100"});
  }

  TEST_CASE("T-05: cancel_after throws what with_exception says") {
    trace log;
    testing::run([&] {
      const auto attempt = [&](auto with) {
        try {
          cancel_after(10ms, with, [] { sleep(100ms); });
          log("never");
        } catch (const trouble& e) {
          log.at(std::string("trouble ") + e.what());
        } catch (const timeout_error& e) {
          log.at("timeout_error");
        } catch (const std::runtime_error& e) {
          CHECK(typeid(e) == typeid(std::runtime_error));
          log.at(e.what());
        }
      };
      attempt(with_exception<trouble>("m"));
      attempt(with_exception("foo"));
      attempt(with_exception(trouble("made")));
    });
    CHECK(log == trace{"trouble m@10", "foo@20", "trouble made@30"});
  }

  /// Counts how many were made of text.
  struct counted_trouble : std::runtime_error {
    static inline int made = 0;
    explicit counted_trouble(const char* what) : std::runtime_error(what) { ++made; }
  };

  TEST_CASE("T-05: an exception of one's own is made on expiry only, at the boundary") {
    counted_trouble::made = 0;
    testing::run([] {
      CHECK(cancel_after(10ms, with_exception<counted_trouble>("m"), [] { return 1; }) ==
            1);
      CHECK(counted_trouble::made == 0);
      const auto late = [] {
        cancel_after(10ms, with_exception<counted_trouble>("m"), [] {
          const cleanup last([] { CHECK(counted_trouble::made == 0); });
          try {
            sleep(100ms);
          } catch (const std::exception&) {
            FAIL_CHECK("an inner handler grabbed the timeout's exception");
          }
        });
      };
      CHECK_THROWS_WITH_AS(late(), "m", counted_trouble);
      CHECK(counted_trouble::made == 1);
    });
  }

  TEST_CASE("T-06: reset starts the time over") {
    trace log;
    testing::run([&] {
      const bool done = move_on_after(100ms, [&](timeout& t) {
        sleep(60ms);
        CHECK(t.reset());
        CHECK(t.remaining() == 100ms);
        sleep(60ms);
        log.at("done");
      });
      CHECK(done);
    });
    CHECK(log == trace{"done@120"});
  }

  TEST_CASE("T-06: reset takes a new time, for later resets too") {
    trace log;
    testing::run([&] {
      const bool done = move_on_after(100ms, [&](timeout& t) {
        CHECK(t.reset(30ms));
        sleep(20ms);
        CHECK(t.reset());
        CHECK(t.remaining() == 30ms);
        sleep(1s);
      });
      CHECK_FALSE(done);
      log.at("out");
    });
    CHECK(log == trace{"out@50"});
  }

  TEST_CASE("T-07: many resets move one timer") {
    trace log;
    testing::run([&] {
      cancel_after(100ms, [](timeout& t) {
        for (int i = 0; i < 100; ++i) {
          sleep(99ms);
          CHECK(t.reset());
          CHECK(testing::armed_timers() == 1);
        }
      });
      log.at("ok");
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"ok@9900"});
  }

  TEST_CASE("T-08: disarm takes the clock off") {
    trace log;
    testing::run([&] {
      const bool done = move_on_after(100ms, [&](timeout& t) {
        CHECK(t.disarm());
        CHECK(t.remaining() == duration::max());
        sleep(500ms);
        log.at("x");
        CHECK_FALSE(t.fired());
      });
      CHECK(done);
    });
    CHECK(log == trace{"x@500"});
  }

  TEST_CASE("T-08: a disarmed timeout can be set again") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(100ms, [&](timeout& t) {
        t.disarm();
        sleep(500ms);
        CHECK(t.reset());
        sleep(500ms);
      }));
      log.at("out");
    });
    CHECK(log == trace{"out@600"});
  }

  TEST_CASE("T-10 (R14): without any time the body runs to its first point") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(0ms, [&](timeout& t) {
        log("in");
        CHECK(t.fired());
        CHECK(t.remaining() == 0ms);
        CHECK_FALSE(t.reset());
        CHECK_FALSE(t.disarm());
        sleep(10ms);
        log("never");
      }));
      log.at("out");
    });
    CHECK(log == trace{"in", "out@0"});
  }

  TEST_CASE("T-11 (R14): a negative time is over already") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(-11s, [&] {
        log("in");
        sleep(10ms);
        log("never");
      }));
      log.at("out");
      CHECK_FALSE(move_on_after(duration::min(), [] { checkpoint(); }));
      CHECK_FALSE(move_on_at(time_point::min(), [] { checkpoint(); }));
      CHECK_THROWS_AS(cancel_after(-1s, [] { checkpoint(); }), timeout_error);
    });
    CHECK(log == trace{"in", "out@0"});
  }

  TEST_CASE("T-12: without any time and any point the result counts") {
    testing::run([] {
      CHECK(move_on_after(0ms, [] { return 5; }) == std::optional(5));
      CHECK(cancel_after(0ms, [] { return 5; }) == 5);
      CHECK(move_on_after(0ms, [] {}));
    });
  }

  TEST_CASE(
      "T-13: an exception of the body's own passes, and the timeout has not fired") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(10ms, [&](timeout& t) {
          const cleanup last([&] { log(t.fired()); });
          throw trouble();
        });
      } catch (const trouble& e) {
        log("trouble");
        CHECK(cause_of(e).requests().empty());
      }
      CHECK(testing::armed_timers() == 0);
      sleep(20ms);
      checkpoint();
    });
    CHECK(log == trace{"false", "trouble"});
  }

  TEST_CASE("T-14: an exception of the cleanup wins, and the deadline is its cause") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(10ms, [] {
          try {
            sleep(100ms);
          } catch (const cancelled&) {
            throw trouble("cleanup");
          }
        });
      } catch (const trouble& e) {
        log.at(e.what());
        const cause why = cause_of(e);
        REQUIRE(why.requests().size() == 1);
        CHECK(why.reason().kind == cancel_kind::deadline);
      }
    });
    CHECK(log == trace{"cleanup@10"});
  }

  TEST_CASE("T-16: a stop from outside is no timeout") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        cancel_after(1000ms, [&](timeout& t) {
          try {
            suspend();
          } catch (const cancelled& c) {
            log(t.fired());
            log(to_string(c.reason().kind));
            throw;
          }
        });
        log("never");
      });
      testing::settle();
      f.stop();
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK_FALSE(e.failed());
      CHECK(e.reason().kind == cancel_kind::stop);
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"false", "stop"});
  }

  TEST_CASE("T-17: a timeout that is cancelled by hand throws cancel_error") {
    testing::run([] {
      const auto leave = [] {
        cancel_after(1000ms, [](timeout& t) {
          CHECK(t.cancel_now("x"));
          CHECK_FALSE(t.cancel_now("y"));
          checkpoint();
          FAIL_CHECK("a cancelled block ran on");
        });
      };
      CHECK_THROWS_WITH_AS(leave(), "x", cancel_error);
      CHECK(testing::armed_timers() == 0);
      try {
        leave();
      } catch (const cancel_error& e) {
        CHECK(cause_of(e).reason().kind == cancel_kind::scope);
        CHECK(cause_of(e).reason().source == this_fiber::self());
      }
    });
  }

  TEST_CASE("T-17: move_on_after that is cancelled by hand has no result") {
    testing::run([] {
      const auto r = move_on_after(1000ms, [](timeout& t) -> int {
        const cleanup last([&] { CHECK_FALSE(t.fired()); });
        t.cancel_now("x");
        suspend();
      });
      CHECK_FALSE(r.has_value());
      CHECK(test::now_in_ms() == 0);
      CHECK(move_on_after(1000ms, 7, [](timeout& t) -> int {
              t.cancel_now();
              suspend();
            }) == 7);
    });
  }
}

}  // namespace
}  // namespace motet
