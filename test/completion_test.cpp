// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::trouble;
using test::trouble_1;
using test::trouble_2;

TEST_SUITE("completion and cancellation") {
  TEST_CASE("R3: a message that came first is received, and the stop comes after") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log(receive<int>());
        checkpoint();
        log("never");
      });
      testing::settle();
      f << 7;
      f.stop();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"7"});
  }

  TEST_CASE("R3: a message that came first is received, and the raise comes after") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log(receive<int>());
        try {
          checkpoint();
        } catch (const trouble&) {
          log("trouble");
        }
      });
      testing::settle();
      f << 7;
      f.raise(trouble());
      f.await();
    });
    CHECK(log == trace{"7", "trouble"});
  }

  TEST_CASE("R3: a sleep that is over returns, though a stop came before it could") {
    trace log;
    testing::run([&] {
      fiber<> f;
      const auto first = spin([&] {
        sleep(10ms);
        f.stop();  // both sleeps are over by now
      });
      f = spin([&] {
        sleep(10ms);
        log.at("slept");
        checkpoint();
        log("never");
      });
      CHECK(f.outcome().stopped());
      first.await();
    });
    CHECK(log == trace{"slept@10"});
  }

  TEST_CASE("R3: an await that is over returns, though a stop came before it could") {
    trace log;
    testing::run([&] {
      const auto d = spin([] { return receive<int>(); });
      const auto w = spin([&] {
        log(d.await());
        checkpoint();
        log("never");
      });
      const auto stopper = spin([&] {
        testing::settle();
        d << 5;
        yield();  // d runs, ends, and wakes w behind this fiber
        CHECK(d.done());
        w.stop();
      });
      CHECK(w.outcome().stopped());
      stopper.await();
    });
    CHECK(log == trace{"5"});
  }

  TEST_CASE("R3: a deadline that comes with the message does not take it") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const auto r = move_on_after(10ms, [] { return receive<int>(); });
        log.at(r.value());
      });
      spin([&, f] {
        testing::settle();
        f << 7;
        testing::busy(20ms);
        yield();
      });
      f.await();
    });
    CHECK(log == trace{"7@20"});
  }

  TEST_CASE("R4: a cancelled receive takes no message") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          (void)receive<int>();
          log("never");
        } catch (const cancelled&) {
          log(try_receive<int>().value());
          throw;
        }
      });
      testing::settle();
      f.stop();
      f << 7;  // the wait was cut short already
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"7"});
  }

  TEST_CASE("R4: a cancelled send leaves its argument alone") {
    testing::run([] {
      const auto f = spin({.mailbox = 1}, [] { suspend(); });
      f << 1;
      auto parcel = std::make_unique<int>(5);
      CHECK_FALSE(move_on_after(10ms, [&] { f.send(std::move(parcel)); }));
      CHECK(test::now_in_ms() == 10);
      CHECK(parcel != nullptr);
    });
  }

  TEST_CASE("R4: a send that was cancelled before leaves its argument alone") {
    testing::run([] {
      const auto f = spin([] { return *receive<std::unique_ptr<int>>(); });
      auto parcel = std::make_unique<int>(5);
      with_scope([&](scope& s) {
        s.cancel();
        f.send(std::move(parcel));
      });
      REQUIRE(parcel != nullptr);
      f.send(std::move(parcel));
      CHECK(f.await() == 5);
    });
  }

  TEST_CASE("R4: a send that is cancelled while it waits puts nothing into the mailbox") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 1}, [&] {
        shield([] { sleep(20ms); });
        log(receive<std::string>());
        log(receive<std::string>());
        log(try_receive<std::string>().has_value());
      });
      f << "a";
      CHECK_FALSE(move_on_after(10ms, [&] { f.send("b"); }));
      f.send("c");
      log.at("sent");
      f.await();
    });
    CHECK(log == trace{"a", "sent@20", "c", "false"});
  }

  TEST_CASE("R5: a send that is woken for room that is gone again is still cancelled") {
    trace log;
    testing::run([&] {
      fiber<> sender;
      const auto f = spin({.mailbox = 1}, [&] {
        log(receive<int>());  // makes room, and wakes the sender
        sender.stop();
        this_fiber::self() << 3;
        suspend();
      });
      f << 1;
      sender = spin([&] {
        f.send(2);
        log("never");
      });
      testing::settle();
      CHECK(sender.done());
      f.stop();
      (void)sender.wait();
    });
    CHECK(log == trace{"1"});
  }

  TEST_CASE("R13: outcome never throws because of the target, await always does") {
    testing::run([] {
      const auto failed = spin([]() -> int { throw trouble("foo"); });
      const auto e = failed.outcome();
      CHECK(e.failed());
      CHECK_FALSE(e.stopped());
      CHECK_FALSE(e.has_value());
      CHECK_THROWS_WITH_AS((void)e.value(), "foo", trouble);
      CHECK_THROWS_WITH_AS(failed.await(), "foo", trouble);
      const auto stopped = spin([]() -> int { suspend(); });
      stopped.stop();
      CHECK_THROWS_AS((void)stopped.outcome().value(), fiber_stopped);
      CHECK_THROWS_AS(stopped.await(), fiber_stopped);
      checkpoint();
    });
  }

  TEST_CASE("R13: who awaits nothing goes on only if a verb stopped the fiber") {
    testing::run([] {
      fiber<> inner;
      const auto outer = spin([&] {
        inner = spin([] { suspend(); });
        testing::settle();
      });
      outer.await();
      CHECK(inner.outcome().reason().kind == cancel_kind::parent);
      CHECK_THROWS_AS(inner.await(), fiber_stopped);
      move_on_after(10ms, [&] {
        with_scope([&](scope& s) { inner = s.spin([] { suspend(); }); });
      });
      CHECK(inner.outcome().reason().kind == cancel_kind::deadline);
      CHECK_THROWS_AS(inner.await(), fiber_stopped);
      inner = spin([] { suspend(); });
      inner.terminate();
      inner.await();
      inner = spin([] { suspend(); });
      inner.cancel("why");
      CHECK_THROWS_WITH_AS(inner.await(), "why", cancel_error);
    });
  }

  TEST_CASE("R12: a wait that another child's error ends hands its own child's back") {
    trace log;
    testing::run([&] {
      const auto c1 = spin([] { throw trouble_1(); });
      spin([] { throw trouble_2(); });
      testing::settle();
      try {
        c1.await();
        log("never");
      } catch (const trouble_2&) {
        log("2");
      }
      try {
        checkpoint();
      } catch (const trouble_1&) {
        log("1");
      }
    });
    CHECK(log == trace{"2", "1"});
  }

  TEST_CASE("R12: a wait that is cancelled hands the child's error back") {
    trace log;
    testing::run([&] {
      const auto c = spin([] { throw trouble(); });
      testing::settle();
      with_scope([&](scope& s) {
        s.cancel();
        c.await();
      });
      try {
        checkpoint();
      } catch (const trouble&) {
        log("trouble");
      }
    });
    CHECK(log == trace{"trouble"});
  }

  TEST_CASE("R12: a wait that was cancelled no longer answers for the child") {
    trace log;
    testing::run([&] {
      const auto c = spin([] {
        sleep(20ms);
        throw trouble();
      });
      CHECK_FALSE(move_on_after(10ms, [&] { c.await(); }));
      try {
        suspend();
      } catch (const trouble& e) {
        log.at("trouble");
        CHECK(source_of(e) == c);
      }
    });
    CHECK(log == trace{"trouble@20"});
  }

  TEST_CASE("R12: an error travels to the root as one object") {
    const std::exception_ptr error = std::make_exception_ptr(trouble("foo"));
    std::exception_ptr seen;
    try {
      testing::run([&] {
        spin([&] {
          with_scope([&](scope& s) { s.spin([&] { std::rethrow_exception(error); }); });
        });
        suspend();
      });
    } catch (const trouble&) {
      seen = std::current_exception();
    }
    CHECK(seen == error);
  }
}

}  // namespace
}  // namespace motet
