// SPDX-License-Identifier: MIT
// Defects that were measured in the library this one follows. Each must be right here.
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("original: timeouts") {
  TEST_CASE("original: a resettable timeout does not swallow an outer stop") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        move_on_after(100ms, [&](timeout& t) {
          for (;;) {
            sleep(50ms);
            CHECK(t.reset());
          }
        });
        log("never");
      });
      sleep(275ms);
      CHECK(f.stop());
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().kind == cancel_kind::stop);
      log.at("stopped");
    });
    CHECK(log == trace{"stopped@275"});
  }

  TEST_CASE("original: a timeout does not swallow a stop that comes with its deadline") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        move_on_after(100ms, [](timeout& t) {
          t.reset();
          suspend();
        });
        log("never");
      });
      testing::settle();
      move_on_after(24h, [&] {
        testing::busy(100ms);
        checkpoint();  // fires the timeout; its fiber has not run yet
        CHECK(f.stop());
      });
      CHECK(f.outcome().stopped());
      log.at("stopped");
    });
    CHECK(log == trace{"stopped@100"});
  }

  TEST_CASE("original: a reset before anything ran leaves no stray cancel behind") {
    trace log;
    testing::run([&] {
      const bool done = move_on_after(10ms, [](timeout& t) {
        CHECK(t.reset());
        CHECK(t.reset(20ms));
      });
      CHECK(done);
      CHECK(testing::armed_timers() == 0);
      sleep(100ms);
      checkpoint();
      log.at("undisturbed");
    });
    CHECK(log == trace{"undisturbed@100"});
  }

  TEST_CASE("original: a timeout that was reset and left does not fire later") {
    trace log;
    testing::run([&] {
      for (int i = 0; i < 100; ++i) {
        cancel_after(10ms, [](timeout& t) {
          sleep(9ms);
          t.reset();
          sleep(9ms);
        });
      }
      sleep(100ms);
      log.at("undisturbed");
    });
    CHECK(log == trace{"undisturbed@1900"});
  }
}

TEST_SUITE("original: restart") {
  TEST_CASE("original: restart ends running children before it runs again") {
    testing::run([] {
      const auto f = spin([] {
        const tracked one;
        spin([owned = tracked()] { suspend(); });
        spin([owned = tracked()] {
          const cleanup last([] { sleep(1ms); });
          suspend();
        });
        suspend();
      });
      testing::settle();
      CHECK(tracked::alive() == 3);
      for (int i = 0; i < 10; ++i) {
        CHECK(f.restart());
        sleep(2ms);
        CHECK(tracked::alive() == 3);
        CHECK(f.children().size() == 2);
      }
    });
    CHECK(tracked::alive() == 0);
  }

  TEST_CASE("original: restart of a fiber that has not started runs it once") {
    int runs = 0;
    testing::run([&] {
      const auto f = spin([&] {
        ++runs;
        suspend();
      });
      CHECK(f.restart());
      testing::settle();
      CHECK(f.interrupt().stopped());
    });
    CHECK(runs == 1);
  }

  TEST_CASE("original: a message sent right after restart is not dropped") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [&] { log.at(receive<std::string>()); });
      CHECK(f.restart());
      f << "not started";
      sleep(1ms);
      CHECK(f.restart());
      f << "ended";
      sleep(1ms);
      CHECK(f.restart());
      testing::settle();
      CHECK(f.restart());
      f << "parked";
      sleep(1ms);
    });
    CHECK(log == trace{"not started@0", "ended@1", "parked@2"});
  }
}

TEST_SUITE("original: cancelling") {
  TEST_CASE("original: a second cancel does not interrupt cleanup") {
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
      CHECK(f.stop("first"));
      sleep(10ms);
      f.stop("second");
      f.cancel("third");
      f.terminate();
      CHECK(f.raise(trouble()));
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().message == "first");
      CHECK(e.cause().requests().size() == 4);
      log.at("ended");
    });
    CHECK(log == trace{"cleaned@50", "ended@50"});
  }

  TEST_CASE("original: cancelling ten thousand sleepers takes one pass") {
    static constexpr int count = 10'000;
    testing::run([] {
      int ended = 0;
      std::vector<fiber<>> sleepers;
      for (int i = 0; i < count; ++i) {
        sleepers.push_back(spin([&ended] {
          const cleanup last([&] { ++ended; });
          sleep(1h);
        }));
      }
      testing::settle();
      CHECK(testing::armed_timers() == count);
      for (const auto& f : sleepers)
        CHECK(f.stop());
      CHECK(ended == 0);
      testing::settle();
      // No timer is left to be skipped later.
      CHECK(testing::armed_timers() == 0);
      CHECK(ended == count);
      CHECK(motet::clock::now() == time_point{});
      CHECK(this_fiber::self().children().empty());
    });
  }

  TEST_CASE("original: a scope of ten thousand sleepers is cancelled in one pass") {
    static constexpr int count = 10'000;
    testing::run([] {
      int ended = 0;
      with_scope([&](scope& s) {
        for (int i = 0; i < count; ++i) {
          s.spin([&ended] {
            const cleanup last([&] { ++ended; });
            sleep(1h);
          });
        }
        testing::settle();
        CHECK(s.cancel());
        CHECK(ended == 0);
        testing::settle();
        CHECK(testing::armed_timers() == 0);
        CHECK(ended == count);
      });
      CHECK(motet::clock::now() == time_point{});
    });
  }
}

TEST_SUITE("original: numbers") {
  TEST_CASE("original: there can be more fibers, each with its guard, than 32,768") {
    static constexpr int count = 33'000;
    run({.backend = backend_kind::sim, .stack_size = 16 * 1024}, [] {
      int awake = 0;
      {
        std::vector<fiber<>> fibers;
        fibers.reserve(count);
        for (int i = 0; i < count; ++i) {
          fibers.push_back(spin([&awake] {
            ++awake;
            suspend();
          }));
        }
        testing::settle();
        CHECK(awake == count);
        CHECK(this_fiber::self().children().size() == count);
        for (const auto& f : fibers)
          f.stop();
        testing::settle();
      }
      CHECK(this_fiber::self().children().empty());
    });
  }
}

}  // namespace
}  // namespace motet
