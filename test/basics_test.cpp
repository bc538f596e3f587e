// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;
using test::trouble_1;

TEST_SUITE("basics: stopping a fiber") {
  TEST_CASE("B-01 (R10): a fiber that is moved on before it starts never runs") {
    trace log;
    testing::run([&] {
      const auto f = spin([&, owned = tracked()] {
        log("never");
        return 1;
      });
      CHECK(f.move_on(42));
      CHECK(tracked::alive() == 1);
      CHECK(f.await() == 42);
      CHECK(tracked::alive() == 0);
      CHECK(f.outcome().has_value());
      CHECK(f.outcome().value() == 42);
    });
    CHECK(log == trace{});
  }

  TEST_CASE("B-03 (R10): start_policy::always runs a stopped fiber to its first point") {
    trace log;
    testing::run([&] {
      const auto f = spin({.start = start_policy::always}, [&] {
        log("in");
        suspend();
      });
      CHECK(f.stop());
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK_FALSE(e.failed());
    });
    CHECK(log == trace{"in"});
  }

  TEST_CASE("B-04: a parked fiber is stopped, and who awaits it gets nothing") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log("a");
        suspend();
      });
      testing::settle();
      CHECK(f.stop());
      f.await();
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().kind == cancel_kind::stop);
      CHECK(e.reason().source == this_fiber::self());
    });
    CHECK(log == trace{"a"});
  }

  TEST_CASE("B-05: every awaiter gets the value of move_on") {
    trace log;
    testing::run([&] {
      const auto f = spin([]() -> int { suspend(); });
      spin([&] { log(f.await()); });
      spin([&] { log(f.await()); });
      testing::settle();
      CHECK(f.move_on(42));
      testing::settle();
      CHECK(log == trace{"42", "42"});
    });
  }

  TEST_CASE("B-06 (R5): a cancelled scope stays cancelled") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.cancel();
        try {
          sleep(1ms);
        } catch (const cancelled&) {
          log.at("1");
        }
        try {
          sleep(1ms);
        } catch (const cancelled&) {
          log.at("2");
        }
      });
      log.at("out");
    });
    CHECK(log == trace{"1@0", "2@0", "out@0"});
  }

  TEST_CASE("B-07 (R5): the first reason wins, and a scope absorbs once") {
    trace log;
    testing::run([&] {
      with_scope([&](scope&) {
        with_scope([&](scope& s) {
          CHECK(s.cancel("a"));
          CHECK_FALSE(s.cancel("b"));
          try {
            checkpoint();
          } catch (const cancelled& c) {
            log(c.reason().message);
            throw;
          }
        });
        log("absorbed");
        checkpoint();
        log("on");
      });
    });
    CHECK(log == trace{"a", "absorbed", "on"});
  }

  TEST_CASE("B-07 (R5): later reasons are kept behind a fiber's first") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.stop("a"));
      CHECK_FALSE(f.stop("b"));
      const auto e = f.outcome();
      CHECK(e.reason().message == "a");
      const auto& requests = e.cause().requests();
      REQUIRE(requests.size() == 2);
      CHECK(requests[0].message == "a");
      CHECK(requests[1].message == "b");
    });
  }

  TEST_CASE("B-07 (R5): later reasons are kept behind a scope's first") {
    testing::run([] {
      try {
        with_scope([](scope& s) -> int {
          s.cancel("a");
          s.cancel("b");
          suspend();
        });
        FAIL_CHECK("a scope without its result throws");
      } catch (const cancel_error& e) {
        CHECK(std::string(e.what()) == "a");
        const cause why = cause_of(e);
        REQUIRE(why.requests().size() == 2);
        CHECK(why.requests()[0].message == "a");
        CHECK(why.requests()[1].message == "b");
      }
    });
  }

  TEST_CASE("B-11: what a body returns wins over its own stop, which can be seen") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        CHECK(this_fiber::self().stop());
        log("here");
        return 7;
      });
      const auto e = f.outcome();
      REQUIRE(e.has_value());
      CHECK(e.value() == 7);
      CHECK_FALSE(e.stopped());
      CHECK(e.cancel_requested());
    });
    CHECK(log == trace{"here"});
  }

  TEST_CASE("B-12: a fiber that stops itself goes on to its next point") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        this_fiber::self().stop();
        log("a");
        checkpoint();
        log("never");
      });
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().source == f);
    });
    CHECK(log == trace{"a"});
  }

  TEST_CASE("B-13 (R17): verbs on a fiber that has ended do nothing") {
    testing::run([] {
      const auto f = spin([] { return 1; });
      CHECK(f.await() == 1);
      CHECK_FALSE(f.stop());
      CHECK_FALSE(f.raise(trouble()));
      CHECK_FALSE(f.cancel());
      CHECK_FALSE(f.cancel(trouble()));
      CHECK_FALSE(f.move_on(9));
      CHECK_FALSE(f.terminate());
      CHECK_FALSE(f.terminate(1s));
      CHECK_FALSE(f.restart());
      CHECK_FALSE(f.throw_to(trouble()));
      CHECK(f.await() == 1);
      CHECK_FALSE(f.outcome().cancel_requested());
      CHECK(testing::armed_timers() == 0);
    });
  }

  TEST_CASE("B-14 (R13): that what I await was stopped is no cancellation of mine") {
    trace log;
    testing::run([&] {
      const auto f = spin([]() -> int { suspend(); });
      testing::settle();
      f.stop();
      try {
        f.await();
        log("never");
      } catch (const fiber_stopped& e) {
        log(to_string(e.reason().kind));
      }
      sleep(1ms);
      log.at("alive");
    });
    CHECK(log == trace{"stop", "alive@1"});
  }

  TEST_CASE("B-15: cancelling who waits leaves what it waits for alone") {
    trace log;
    testing::run([&] {
      const auto b = spin([] {
        sleep(100ms);
        return 5;
      });
      const auto a = spin([&] {
        b.await();
        log("never");
      });
      testing::settle();
      CHECK(a.stop());
      CHECK(a.outcome().stopped());
      log.at("a");
      log.at(b.await());
    });
    CHECK(log == trace{"a@0", "5@100"});
  }

  TEST_CASE(
      "B-22: handlers of std::exception let it pass, and a swallowed one comes anew") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          suspend();
        } catch (const std::exception&) {
          log("never");
        } catch (...) {
          log("eaten");
        }
        sleep(1ms);
        log("never");
      });
      testing::settle();
      f.stop();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"eaten"});
  }

  TEST_CASE(
      "B-23: a body that swallows and returns has its value, and the request shows") {
    testing::run([] {
      const auto f = spin([] {
        try {
          suspend();
        } catch (...) {  // NOLINT(bugprone-empty-catch)
        }
        return 3;
      });
      testing::settle();
      CHECK(f.stop());
      const auto e = f.outcome();
      REQUIRE(e.has_value());
      CHECK(e.value() == 3);
      CHECK_FALSE(e.stopped());
      CHECK(e.cancel_requested());
    });
  }

  TEST_CASE("B-25 (R3): yield looks again when it resumes") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log("a");
        yield();
        log("never");
      });
      yield();
      CHECK(log == trace{"a"});
      CHECK(f.state() == fiber_phase::runnable);
      f.stop();
      testing::settle();
      CHECK(f.done());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"a"});
  }

  TEST_CASE("B-26: interrupt returns when the fiber has cleaned up") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(100ms);
          log.at("cleaned");
        });
        suspend();
      });
      testing::settle();
      const auto e = f.interrupt("user");
      log.at("back");
      CHECK(e.stopped());
      CHECK(e.reason().kind == cancel_kind::stop);
      CHECK(e.reason().message == "user");
      CHECK(e.reason().source == this_fiber::self());
    });
    CHECK(log == trace{"cleaned@100", "back@100"});
  }

  TEST_CASE("B-27: stop does not wait") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(100ms);
          log.at("cleaned");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.stop());
      log.at("back");
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"back@0", "cleaned@100"});
  }

  TEST_CASE("B-29 (R18): waiting for one's own end is an error") {
    trace log;
    testing::run([&] {
      const auto attempt = [&](const char* name, auto&& wait) {
        try {
          wait();
          log("never");
        } catch (const deadlock_error&) {
          log(name);
        }
      };
      fiber<int> f;
      f = spin([&] {
        attempt("wait", [] { (void)this_fiber::self().wait(); });
        attempt("await", [&] { f.await(); });
        attempt("outcome", [&] { (void)f.outcome(); });
        attempt("interrupt", [] { this_fiber::self().interrupt(); });
        sleep(1ms);  // none of them was a request
        return 1;
      });
      CHECK(f.outcome().has_value());
      CHECK_FALSE(f.outcome().cancel_requested());
    });
    CHECK(log == trace{"wait", "await", "outcome", "interrupt"});
  }

  TEST_CASE("B-31: a loop that never parks can be stopped (real clock)") {
    run({.signals = signal_policy::none}, [] {
      if (std::string(backend_name()) == "sim") return;  // its time would not pass
      const auto f = spin([] {
        for (;;)
          checkpoint();
      });
      const auto g = spin([] {
        for (;;)
          yield();
      });
      sleep(50ms);
      CHECK(f.interrupt().stopped());
      CHECK(g.interrupt().stopped());
    });
  }
}

}  // namespace
}  // namespace motet
