// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::fails_after;
using test::fails_when_stopped;
using test::thrown_by;
using test::trace;

/// A body that waits to be stopped, and says when it was.
auto says_when_stopped(trace& log, std::string what) {
  return [&log, what = std::move(what)] {
    try {
      suspend();
    } catch (const cancelled& c) {
      log.at(what);
      CHECK(c.reason().kind == cancel_kind::parent);
      throw;
    }
  };
}

TEST_SUITE("scopes: daemons") {
  TEST_CASE("S-13: a daemon ends with its scope") {
    trace log;
    testing::run([&] {
      fiber<> daemon;
      with_scope([&](scope& s) {
        daemon = s.spin_daemon(says_when_stopped(log, "d"));
        sleep(10ms);
        log.at("b");
      });
      CHECK(daemon.try_outcome()->stopped());
      CHECK(thrown_by([&] { daemon.await(); }).find("stopped") != std::string::npos);
    });
    CHECK(log == trace{"b@10", "d@10"});
  }

  TEST_CASE("S-13: a daemon's error comes out of its scope") {
    std::string thrown;
    bool sibling_stopped = false;
    testing::run([&] {
      thrown = thrown_by([&] {
        with_scope([&](scope& s) {
          s.spin_daemon(fails_after(10ms, "daemon"));
          const fiber<> sibling = s.spin([] { suspend(); });
          const auto end = sibling.outcome();
          sibling_stopped = end.stopped();
        });
      });
      CHECK(test::now_in_ms() == 10);
    });
    CHECK(thrown == "daemon");
  }

  TEST_CASE("a daemon stays until the last child has ended, body or not") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin_daemon(says_when_stopped(log, "d"));
        s.spin([&] {
          sleep(20ms);
          s.spin([&] {
            sleep(20ms);
            log.at("grandchild");
          });
        });
        log.at("body");
      });
      log.at("left");
    });
    CHECK(log == trace{"body@0", "grandchild@40", "d@40", "left@40"});
  }

  TEST_CASE("a scope waits for what its daemons do when they are stopped") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        for (const char* name : {"a", "b"}) {
          s.spin_daemon([&log, name] {
            try {
              suspend();
            } catch (const cancelled&) {
              shield([] { sleep(30ms); });
              log.at(name);
              throw;
            }
          });
        }
        CHECK(s.size() == 2);
        sleep(10ms);
      });
      log.at("left");
    });
    CHECK(log == trace{"a@40", "b@40", "left@40"});
  }

  TEST_CASE("what a daemon spins as it ends is awaited, a further daemon stopped") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin_daemon([&] {
          try {
            suspend();
          } catch (const cancelled&) {
            s.spin([&] {
              sleep(10ms);
              log.at("child");
            });
            s.spin_daemon(says_when_stopped(log, "late daemon"));
            throw;
          }
        });
        testing::settle();
      });
      log.at("left");
    });
    CHECK(log == trace{"child@10", "late daemon@10", "left@10"});
  }

  TEST_CASE("a daemon that was not run before its scope ends never runs") {
    bool ran = false;
    testing::run(
        [&] { with_scope([&](scope& s) { s.spin_daemon([&] { ran = true; }); }); });
    CHECK(!ran);
  }

  TEST_CASE("a daemon that fails when it is stopped makes its scope fail") {
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([] {
        with_scope([](scope& s) {
          s.spin_daemon(fails_when_stopped("cleanup"));
          testing::settle();
        });
      });
    });
    CHECK(thrown == "cleanup");
  }

  TEST_CASE("a daemon that has ended is no reason to wait, nor to stop others") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin_daemon(
            {.name = "brief"}, [](int& n) { CHECK(n == 7); }, 7);
        s.spin_daemon([](int n) { CHECK(n == 8); }, 8);
        testing::settle();
        CHECK(s.size() == 0);
        s.spin([&] {
          sleep(10ms);
          log.at("child");
        });
      });
      log.at("left");
    });
    CHECK(log == trace{"child@10", "left@10"});
  }

  TEST_CASE("a stop from outside reaches daemons with all others") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([&] {
        with_scope([&](scope& s) {
          s.spin_daemon([&] {
            try {
              suspend();
            } catch (const cancelled& c) {
              log.at("d");
              CHECK(c.reason().kind == cancel_kind::stop);
              throw;
            }
          });
          s.spin([] { sleep(1s); });
        });
        log("never");
      });
      sleep(10ms);
      f.stop();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"d@10"});
  }

  TEST_CASE("a daemon that was asked for a value before keeps it") {
    int value = 0;
    testing::run([&] {
      fiber<int> daemon;
      with_scope([&](scope& s) {
        daemon = s.spin_daemon([]() -> int { suspend(); });
        testing::settle();
        daemon.move_on(42);
      });
      value = daemon.await();
    });
    CHECK(value == 42);
  }

  TEST_CASE("a restartable daemon counts once, however often it runs") {
    int runs = 0;
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto daemon = s.spin_daemon({.restartable = true}, [&] {
          if (++runs == 2) suspend();
        });
        testing::settle();
        CHECK(s.size() == 0);
        CHECK(daemon.restart());
        testing::settle();
        CHECK(s.size() == 1);
        s.spin([] { sleep(10ms); });
      });
      log.at("left");
    });
    CHECK(runs == 2);
    CHECK(log == trace{"left@10"});
  }

  TEST_CASE("an isolated daemon that fails hurts nobody") {
    trace log;
    motet::run(
        {.backend = backend_kind::sim,
         .signals = signal_policy::none,
         .on_unhandled = [&](std::exception_ptr error) { log.at(describe(error)); }},
        [&] {
          with_scope({.errors = error_policy::isolate}, [&](scope& s) {
            s.spin_daemon(fails_after(10ms, "daemon"));
            sleep(20ms);
            log.at("body");
          });
        });
    CHECK(log == trace{"daemon@10", "body@20"});
  }
}

}  // namespace
}  // namespace motet
