// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::now_in_ms;
using test::trace;
using test::trouble;

/// Lets `span` pass and fires what is due, while all others stay where they are: what
/// follows comes in the same turn.
template <class F>
void in_the_turn_after(duration span, F&& f) {
  move_on_after(24h, [&] {
    testing::busy(span);
    checkpoint();
    f();
  });
}

TEST_SUITE("races: completion and cancellation") {
  TEST_CASE("R-01: resolved first, cancelled before it resumes: the value") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto f = s.spin([&] {
          log("W");
          (void)receive<int>();
          log("R");
          checkpoint();
          log("never");
        });
        testing::settle();
        f << 1;
        CHECK(s.cancel());
        log("C");
        testing::settle();
        CHECK(f.done());
      });
    });
    CHECK(log == trace{"W", "C", "R"});
  }

  TEST_CASE("R-02: cancelled first, then resolved: cancelled") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto f = s.spin([&] {
          log("W");
          (void)receive<int>();
          log("never");
        });
        testing::settle();
        CHECK(s.cancel());
        f << 1;
        testing::settle();
        CHECK(f.done());
      });
    });
    CHECK(log == trace{"W"});
  }

  TEST_CASE("R-03 (R4): a receive that timed out eats no message") {
    trace log;
    testing::run([&] {
      const auto r = spin([&] {
        log.at(move_on_after(10ms, [] { return receive<int>(); }) ? "value" : "nothing");
        log(try_receive<int>().value_or(0));
      });
      testing::settle();
      in_the_turn_after(10ms, [&] { r << 7; });
      r.await();
    });
    CHECK(log == trace{"nothing@10", "7"});
  }

  TEST_CASE("a message that comes before the deadline in one turn is received") {
    trace log;
    testing::run([&] {
      const auto r = spin([&] {
        const auto got = move_on_after(10ms, [] { return receive<int>(); });
        log.at(got.value_or(0));
        checkpoint();
        log("on");
      });
      testing::settle();
      testing::busy(10ms);
      r << 7;
      r.await();
    });
    CHECK(log == trace{"7@10", "on"});
  }

  TEST_CASE("R-04 (R3): handed over, then stopped: the receiver keeps the message") {
    trace log;
    testing::run([&] {
      const auto r = spin([&] {
        log(receive<int>());
        checkpoint();
        log("never");
      });
      testing::settle();
      r << 7;
      CHECK(r.stop());
      CHECK(r.outcome().stopped());
    });
    CHECK(log == trace{"7"});
  }

  TEST_CASE("a sleep that is over when it is stopped returns") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        sleep(10ms);
        log.at("slept");
        checkpoint();
        log("never");
      });
      testing::settle();
      in_the_turn_after(10ms, [&] { CHECK(f.stop()); });
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"slept@10"});
  }

  TEST_CASE("R-25: a stop and a deadline in one turn: one delivery, and it is the stop") {
    for (const bool stop_first : {false, true}) {
      CAPTURE(stop_first);
      trace log;
      testing::run([&] {
        const auto f = spin([&] {
          cancel_after(10ms, [&](timeout& t) {
            try {
              suspend();
            } catch (const cancelled& c) {
              log(to_string(c.reason().kind));
              log(t.fired());
              throw;
            }
          });
          log("never");
        });
        testing::settle();
        move_on_after(24h, [&] {
          testing::busy(10ms);
          if (stop_first) CHECK(f.stop());
          checkpoint();
          if (!stop_first) CHECK(f.stop());
        });
        const auto e = f.outcome();
        CHECK(e.stopped());
        CHECK(e.reason().kind == cancel_kind::stop);
      });
      CHECK(log == trace{"stop", "true"});
    }
  }

  TEST_CASE(
      "R-26: the awaited ends, then the waiter is stopped: await returns the value") {
    trace log;
    testing::run([&] {
      const auto d = spin([] {
        sleep(10ms);
        return 5;
      });
      const auto job = spin([&] {
        log(d.await());
        checkpoint();
        log("never");
      });
      const auto stopper = spin([&] {
        sleep(10ms);
        CHECK(d.done());
        CHECK(job.state() == fiber_phase::runnable);
        CHECK(job.stop());
      });
      CHECK(job.outcome().stopped());
      stopper.await();
    });
    CHECK(log == trace{"5"});
  }

  TEST_CASE("an awaited end is an end even if the error of the ended comes with a stop") {
    trace log;
    testing::run([&] {
      fiber<> d;
      const auto job = spin([&] {
        d = spin([] {
          sleep(10ms);
          throw trouble("of the awaited");
        });
        try {
          d.await();
        } catch (const trouble& e) {
          log(e.what());
        }
        checkpoint();
        log("never");
      });
      const auto stopper = spin([&] {
        yield();
        sleep(10ms);
        CHECK(job.stop());
      });
      CHECK(job.outcome().stopped());
      CHECK(job.outcome().cause().errors().empty());
    });
    CHECK(log == trace{"of the awaited"});
  }
}

TEST_SUITE("races: interrupting") {
  TEST_CASE("R-15: two fibers that interrupt each other both end") {
    testing::run([] {
      fiber<> b;
      const auto a = spin({.start = start_policy::always}, [&] { b.interrupt(); });
      b = spin({.start = start_policy::always}, [&] { a.interrupt(); });
      CHECK(a.outcome().stopped());
      CHECK(b.outcome().stopped());
      CHECK(now_in_ms() == 0);
    });
  }

  TEST_CASE("R-17: stopping many waits for the slowest, not for the sum") {
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
      for (const auto& f : fibers)
        CHECK(f.stop());
      for (const auto& f : fibers)
        CHECK(f.outcome().stopped());
      log.at("x");
    });
    CHECK(log == trace{"x@25"});
    CHECK(finalized == 26);
  }

  TEST_CASE("R-18: a thousand fibers spun and interrupted at once all end") {
    int ran = 0;
    testing::run([&] {
      for (int i = 0; i < 1000; ++i) {
        const auto f = spin([&] {
          ++ran;
          suspend();
        });
        if (i % 2 != 0) yield();
        REQUIRE(f.interrupt().stopped());
      }
      CHECK(this_fiber::self().children().empty());
      CHECK(now_in_ms() == 0);
    });
    CHECK(ran == 500);
  }

  TEST_CASE("an interrupt whose wait is cancelled stays in force") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(50ms);
          log.at("cleaned");
        });
        suspend();
      });
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { f.interrupt(); }));
      log.at("gave up");
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"gave up@10", "cleaned@50"});
  }

  TEST_CASE("throw_to did not happen if its wait is cancelled") {
    trace log;
    testing::run([&] {
      const auto t = spin([&] {
        shield([] { sleep(50ms); });
        checkpoint();
        log.at("untouched");
      });
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { t.throw_to(trouble()); }));
      log.at("gave up");
      t.await();
    });
    CHECK(log == trace{"gave up@10", "untouched@50"});
  }

  TEST_CASE("throw_to that aborted an operation cannot be taken back") {
    trace log;
    testing::run([&] {
      const auto t = spin([&] {
        try {
          suspend();
        } catch (const trouble&) {
          log("thrown");
        }
      });
      testing::settle();
      const auto thrower = spin([&] {
        CHECK(t.throw_to(trouble()));
        log("told");
        checkpoint();
        log("never");
      });
      // Runs after the thrower and before its target.
      const auto stopper = spin([&] { CHECK(thrower.stop()); });
      yield();
      t.await();
      CHECK(thrower.outcome().stopped());
    });
    CHECK(log == trace{"thrown", "told"});
  }

  TEST_CASE("throw_to returns when its target has ended without it") {
    trace log;
    testing::run([&] {
      const auto t = spin([] { shield([] { sleep(50ms); }); });
      testing::settle();
      CHECK(t.throw_to(trouble()));
      log.at("back");
      CHECK(t.outcome().cause().contains<trouble>());
    });
    CHECK(log == trace{"back@50"});
  }

  TEST_CASE("fibers that settle at the same time do not wait for each other") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        spin([] { sleep(1ms); });
        testing::settle();
        log.at("f");
      });
      testing::settle();
      log.at("main");
      f.await();
    });
    CHECK(log == trace{"f@0", "main@0"});
  }
}

}  // namespace
}  // namespace motet
