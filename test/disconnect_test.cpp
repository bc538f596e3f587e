// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"
#include "test/support/unhandled.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>

namespace motet {
namespace {

using test::cleanup;
using test::fails_after;
using test::fails_when_stopped;
using test::now_in_ms;
using test::run_and_note_unhandled;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("disconnect") {
  TEST_CASE("R-12: a race does not wait for a loser that is disconnected") {
    trace log;
    testing::run([&] {
      race([] { sleep(10ms); },
           [&] {
             disconnect([&] {
               shield([] { sleep(300ms); });
               log.at("bg");
             });
           });
      log.at("race");
      sleep(400ms);
    });
    CHECK(log == trace{"race@10", "bg@300"});
  }

  TEST_CASE("what is not cancelled is a call") {
    testing::run([] {
      CHECK(disconnect([] {
              sleep(10ms);
              return std::make_unique<int>(7);
            }) != nullptr);
      int n = 0;
      static_assert(
          std::is_same_v<decltype(disconnect([&]() -> int& { return n; })), int&>);
      disconnect([&]() -> int& { return n; }) = 3;
      CHECK(n == 3);
      disconnect([&] { sleep(10ms); });
      CHECK(now_in_ms() == 20);
      CHECK(thrown_by([] { disconnect(fails_after(1ms, "E")); }) == "E");
    });
  }

  TEST_CASE("an error says where it arose, and is thrown once") {
    trace log;
    run_and_note_unhandled(log, [] {
      fiber_ref inside;
      try {
        disconnect([&] {
          inside = this_fiber::self();
          throw trouble();
        });
      } catch (const trouble& e) {
        CHECK(source_of(e) == inside);
      }
      CHECK(inside);
    });
    CHECK(log == trace{});
  }

  TEST_CASE("a timeout cuts the wait short, and the rest is told why") {
    trace log;
    testing::run([&] {
      const auto result = move_on_after(10ms, [&] {
        return disconnect([&] {
          try {
            suspend();
          } catch (const cancelled& c) {
            log(c.reason().message.substr(0, 14));
            shield([&] { sleep(50ms); });
            log.at("gone");
            throw;
          }
          return 1;
        });
      });
      CHECK_FALSE(result);
      log.at("on");
      sleep(100ms);
    });
    CHECK(log == trace{"on@10", "disconnected: ", "gone@60"});
  }

  TEST_CASE("Effect: the fiber's end does not wait for it, the program's does") {
    trace log;
    testing::run([&] {
      const auto worker = spin([&] {
        disconnect([&] {
          const cleanup last([&] {
            sleep(50ms);
            log.at("released");
          });
          suspend();
        });
      });
      sleep(1ms);
      CHECK(worker.interrupt().stopped());
      log.at("interrupted");
    });
    CHECK(log == trace{"interrupted@1", "released@51"});
  }

  TEST_CASE("an exception raised into the wait cuts it short, too") {
    trace log;
    testing::run([&] {
      const auto worker = spin([&] {
        disconnect([&] {
          const cleanup last([&] { log.at("inner"); });
          suspend();
        });
      });
      sleep(1ms);
      worker.raise(trouble("raised"));
      CHECK(thrown_by([&] { worker.await(); }) == "raised");
      log.at("outer");
    });
    CHECK(log == trace{"inner@1", "outer@1"});
  }

  TEST_CASE("Decision 11: what fails in the background is told once") {
    trace log;
    run_and_note_unhandled(log, [&] {
      move_on_after(10ms, [] { disconnect(fails_when_stopped("late")); });
      log.at("on");
      sleep(1ms);
    });
    CHECK(log == trace{"on@10", "unhandled: late"});
  }

  TEST_CASE("R3: an end that came before the stop is the result") {
    testing::run([] {
      fiber_ref inside;
      const auto worker = spin([&] {
        const int seven = disconnect([&] {
          inside = this_fiber::self();
          suspend();
          return 7;
        });
        return seven;
      });
      sleep(1ms);
      static_cast<void>(inside.stop("by its own name"));
      CHECK_THROWS_AS(worker.await(), fiber_stopped);
      const auto other = spin([] {
        const int one = disconnect([] { return 1; });
        CHECK(this_fiber::cancel_pending());
        return one;
      });
      yield();  // it waits
      yield();  // what it waits for has ended
      other.stop();
      CHECK(other.await() == 1);
    });
  }

  TEST_CASE("Decision 2: it looks for cancellation first") {
    testing::run([] {
      CHECK_FALSE(move_on_after(0s, [] { disconnect([] { FAIL("runs"); }); }));
      sleep(1ms);
    });
  }

  TEST_CASE("in a shield it is not cut short") {
    testing::run([] {
      move_on_after(10ms, [] { shield([] { disconnect([] { sleep(50ms); }); }); });
      CHECK(now_in_ms() == 50);
    });
  }
}

}  // namespace
}  // namespace motet
