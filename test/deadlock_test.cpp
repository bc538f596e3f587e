// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

bool contains(const std::string& text, const char* part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

TEST_SUITE("deadlocks and explanations") {
  TEST_CASE("R18: if nothing can wake anybody, the main fiber is told who waits") {
    testing::run([] {
      const auto f = spin({.name = "reader"}, [] { (void)receive<int>(); });
      try {
        f.await();
        FAIL_CHECK("a deadlock went unseen");
      } catch (const deadlock_error& e) {
        CHECK(contains(e.what(), "main"));
        CHECK(contains(e.what(), "reader"));
        CHECK(contains(e.what(), "a message"));
      }
      f.stop();
    });
  }

  TEST_CASE("R18: a deadlock_error is an error like others, and thrown once") {
    trace log;
    testing::run([&] {
      for (int i = 0; i < 2; ++i) {
        try {
          suspend();
        } catch (const deadlock_error&) {
          log("deadlock");
        }
      }
      checkpoint();
      sleep(1ms);
    });
    CHECK(log == trace{"deadlock", "deadlock"});
    CHECK_THROWS_AS(testing::run([] { suspend(); }), deadlock_error);
  }

  TEST_CASE("R18: a scope that nothing can end is told so, and ends its fibers") {
    trace log;
    testing::run([&] {
      CHECK_THROWS_AS(with_scope([&](scope& s) {
                        s.spin([&] {
                          const cleanup last([&] { log("ended"); });
                          suspend();
                        });
                      }),
                      deadlock_error);
      checkpoint();
      sleep(1ms);
      log.at("alive");
    });
    CHECK(log == trace{"ended", "alive@1"});
  }

  TEST_CASE("R18: two fibers that await each other are found out at once") {
    trace log;
    testing::run([&] {
      fiber<> b;
      const auto a = spin([&] { b.await(); });
      b = spin([&] {
        try {
          a.await();
          log("never");
        } catch (const deadlock_error&) {
          log.at("b");
        }
      });
      sleep(10ms);
      log.at("main");
      CHECK(a.done());
      a.stop();
      b.stop();
    });
    CHECK(log == trace{"b@0", "main@10"});
  }

  TEST_CASE("R18: a child that awaits the parent that awaits it is found out") {
    trace log;
    testing::run([&] {
      fiber_ref parent;
      const auto p = spin([&] {
        const auto c = spin([&] {
          try {
            (void)parent.wait();
            log("never");
          } catch (const deadlock_error&) {
            log.at("c");
          }
        });
        c.await();
      });
      parent = p;
      sleep(10ms);
      CHECK(p.done());
      p.stop();
    });
    CHECK(log == trace{"c@0"});
  }

  TEST_CASE("R18: a shielded wait for the parent that is ending is found out") {
    trace log;
    testing::run([&] {
      fiber_ref parent;
      scope_ref way_out;
      const auto p = spin([&] {
        const auto wait_for_parent = [&](scope& s) {
          way_out = s.ref();
          try {
            (void)parent.wait();
            log("never");
          } catch (const deadlock_error&) {
            log.at("c");
          }
        };
        spin([wait_for_parent] { shield([&] { with_scope(wait_for_parent); }); });
        yield();
      });
      parent = p;
      sleep(10ms);
      CHECK(p.done());
      way_out.cancel();
      p.await();
    });
    CHECK(log == trace{"c@0"});
  }

  TEST_CASE("R18: a wait for the end is a point") {
    testing::run([] {
      const auto f = spin([] {
        const cleanup last([] { sleep(20ms); });
        suspend();
      });
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { f.await(); }));
      CHECK_FALSE(move_on_after(10ms, [&] { (void)f.wait(); }));
      CHECK_FALSE(move_on_after(10ms, [&] { f.interrupt(); }));
      CHECK(f.outcome().stopped());  // the request was not revoked
      CHECK(test::now_in_ms() == 40);
    });
  }

  TEST_CASE("R19: a reason says who asked, why, where and when") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      unsigned line = 0;
      fiber_ref asker = spin({.name = "asker"}, [&] {
        sleep(5ms);
        line = __LINE__ + 1;
        f.stop("enough");
      });
      const auto e = f.outcome();
      const cancel_reason& reason = e.reason();
      CHECK(reason.kind == cancel_kind::stop);
      CHECK(reason.message == "enough");
      CHECK(reason.source == asker);
      CHECK(reason.where.line == line);
      CHECK(contains(reason.where.file, "deadlock_test.cpp"));
      CHECK(reason.at == time_point{5ms});
      const std::string text = to_string(reason);
      CHECK(contains(text, "stop by fiber \"asker\" at "));
      CHECK(contains(text, ": enough"));
    });
  }

  TEST_CASE("R19: a deadline is asked for by the fiber whose timeout it is") {
    testing::run([] {
      const auto other = spin([] {
        sleep(5ms);
        suspend();
      });
      move_on_after(10ms, [] {
        try {
          suspend();
        } catch (const cancelled& c) {
          CHECK(c.reason().kind == cancel_kind::deadline);
          CHECK(c.reason().source == this_fiber::self());
          throw;
        }
      });
      other.stop();
    });
  }

  TEST_CASE("R19: a cancellation that is held back can be asked for, too") {
    testing::run([] {
      const auto f = spin([] {
        shield([] { sleep(10ms); });
        checkpoint();
      });
      testing::settle();
      f.stop("later");
      CHECK(f.cancel_requested());
      CHECK(f.state() == fiber_phase::parked);
      CHECK(contains(dump(), "later"));
      CHECK(f.outcome().reason().message == "later");
    });
  }

  TEST_CASE("R19: dump shows the tree, and what each fiber waits for") {
    testing::run([] {
      const auto f = spin({.name = "house"}, [] {
        spin({.name = "cellar"}, [] { (void)receive<int>(); });
        sleep(1h);
      });
      testing::settle();
      const std::string text = dump();
      CAPTURE(text);
      const auto main = text.find("main");
      const auto house = text.find("house");
      const auto cellar = text.find("cellar");
      REQUIRE(cellar != std::string::npos);
      CHECK(main < house);
      CHECK(house < cellar);
      CHECK(contains(text, "a point in time"));
      CHECK(contains(text, "a message"));
      f.stop();
    });
    CHECK(dump().empty());
  }
}

}  // namespace
}  // namespace motet
