// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace motet {
namespace {

using test::fails_after;
using test::now_in_ms;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("first_of") {
  TEST_CASE("R-14: first_of leaves the losers running") {
    trace log;
    testing::run([&] {
      const auto say_after = [&log](duration span, const char* word) {
        return [&log, span, word] {
          sleep(span);
          log.at(word);
          return std::string(word);
        };
      };
      const auto f1 = spin(say_after(100ms, "foo"));
      const auto f2 = spin(say_after(300ms, "bar"));
      const auto f3 = spin(say_after(500ms, "baz"));
      CHECK(first_of(f1, f2, f3) == 0);
      CHECK(now_in_ms() == 100);
      CHECK(log == trace{"foo@100"});
      CHECK(f1.await() == "foo");
      CHECK_FALSE(f2.done());
      CHECK_FALSE(f3.done());
      CHECK(first_of(f2, f3) == 0);
      CHECK(first_of(f3) == 0);
    });
    CHECK(log == trace{"foo@100", "bar@300", "baz@500"});
  }

  TEST_CASE("those that ended before come first, the lowest number of them") {
    testing::run([] {
      const auto slow = spin([] { sleep(1s); });
      const auto a = spin([] { return 1; });
      const auto b = spin([] {});
      testing::settle();
      CHECK(first_of(slow, a, b) == 1);
      CHECK(first_of(b, a) == 0);
      CHECK(now_in_ms() == 0);
    });
  }

  TEST_CASE("first_of takes a range") {
    testing::run([] {
      std::vector<fiber<int>> all;
      for (int i = 0; i < 5; ++i) {
        all.push_back(spin([i] {
          sleep(50ms - i * 10ms);
          return i;
        }));
      }
      CHECK(first_of(all) == 4);
      CHECK(first_of(std::vector<fiber_ref>{all[0], all[3]}) == 1);
      CHECK_THROWS_AS((void)first_of(std::vector<fiber_ref>{}), structure_error);
      CHECK_THROWS_AS((void)first_of(all[0], fiber_ref()), structure_error);
    });
  }

  TEST_CASE("R13: the error of the first is not thrown, and belongs to who is told") {
    testing::run([] {
      const auto f = spin(fails_after(10ms, "E"));
      const auto other = spin([] { suspend(); });
      CHECK(first_of(other, f) == 1);
      checkpoint();
      CHECK(thrown_by([&] { f.await(); }) == "E");
      // Also if it ended before anybody waited.
      const auto g = spin(fails_after(0ms, "G"));
      testing::settle();
      CHECK(first_of(other, g) == 1);
      checkpoint();
    });
  }

  TEST_CASE("Decision 10: leaving the wait hands the others' errors back") {
    trace log;
    testing::run([&] {
      const auto first = spin([] { sleep(10ms); });
      const auto later = spin(fails_after(20ms, "later"));
      const auto same = spin(fails_after(10ms, "same"));  // fails before first_of returns
      CHECK(first_of(later, same, first) == 2);
      CHECK(same.done());
      log.at(thrown_by([] { suspend(); }));
      log.at(thrown_by([] { suspend(); }));
    });
    CHECK(log == trace{"same@10", "later@20"});
  }

  TEST_CASE("Decision 10: so it is if several had ended before") {
    trace log;
    testing::run([&] {
      const auto a = spin(fails_after(0ms, "a"));
      const auto b = spin(fails_after(0ms, "b"));
      testing::settle();
      CHECK(first_of(a, b) == 0);
      log(thrown_by([] { checkpoint(); }));
      checkpoint();
    });
    CHECK(log == trace{"b"});
  }

  TEST_CASE("Decision 10: a wait cut short hands all of them back, at once") {
    trace log;
    testing::run([&] {
      const auto f = spin(fails_after(20ms, "f"));
      const auto g = spin(fails_after(10ms, "g"));  // at the instant of the timeout
      CHECK_FALSE(move_on_after(10ms, [&] {
        try {
          (void)first_of(f);
        } catch (const cancelled&) {
          log.at("cut short");
          throw;
        }
      }));
      log.at(thrown_by([] { suspend(); }));
      log.at(thrown_by([] { suspend(); }));
      CHECK(g.done());
    });
    CHECK(log == trace{"cut short@10", "g@10", "f@20"});
  }

  TEST_CASE("Decision 10: what fails between the cut and the return is handed back") {
    const auto lost_by = [](auto wait) {
      trace log;
      testing::run([&] {
        fiber<> f;
        fiber_ref waiting = this_fiber::self();
        f = spin([&] {
          sleep(10ms);
          waiting.raise(trouble("raised"));  // it will run after this fiber has ended
          throw trouble("f");
        });
        log.at(thrown_by([&] { wait(f); }));
        log.at(thrown_by([] { suspend(); }));
      });
      CHECK(log == trace{"raised@10", "f@10"});
    };
    lost_by([](const fiber<>& f) { f.await(); });
    lost_by([](const fiber<>& f) { (void)first_of(f); });
    lost_by([](const fiber<>& f) { await_all(f); });
  }

  TEST_CASE("Decision 10: a wait that does not begin leaves errors where they were") {
    const auto lost_by = [](auto wait) {
      testing::run([&] {
        const auto parent = spin([&] {
          const auto child = spin(fails_after(0ms, "child"));
          testing::settle();
          this_fiber::self().stop();
          wait(child);
          FAIL_CHECK("it is a point");
        });
        CHECK(thrown_by([&] { parent.await(); }) == "child");
      });
    };
    lost_by([](const fiber<>& f) { f.await(); });
    lost_by([](const fiber<>& f) { (void)first_of(f); });
    lost_by([](const fiber<>& f) { await_all(f); });
  }

  TEST_CASE("E-10: errors of others that await_all waited for stand behind the first") {
    testing::run([] {
      const auto f = spin(fails_after(10ms, "f"));
      const auto g = spin(test::fails_when_stopped("g"));
      try {
        await_all(f, g);
        FAIL_CHECK("both failed");
      } catch (const trouble& e) {
        CHECK(std::string(e.what()) == "f");
        CHECK(source_of(e) == f);
        REQUIRE(cause_of(e).errors().size() == 1);
        CHECK(test::text_of(cause_of(e).errors()[0]) == "g");
      }
      checkpoint();
    });
  }

  TEST_CASE("R18: first_of is a deadlock only if none of them can end") {
    testing::run([] {
      const fiber_ref self = this_fiber::self();
      CHECK_THROWS_AS((void)first_of(self), deadlock_error);
      const auto waits_for_me = spin([self] { (void)self.wait(); });
      const auto free = spin([] { sleep(10ms); });
      testing::settle();
      CHECK(first_of(self, waits_for_me, free) == 2);
      CHECK_THROWS_AS((void)first_of(self, waits_for_me), deadlock_error);
      waits_for_me.stop();
    });
  }

  TEST_CASE("R18: one may await the fiber that waits for it or for another") {
    trace log;
    testing::run([&] {
      fiber<> selector;
      const auto free = spin([] { sleep(10ms); });
      const auto other = spin([&] {
        yield();
        selector.await();
        log.at("other");
      });
      selector = spin([&] { CHECK(first_of(other, free) == 1); });
      other.await();
    });
    CHECK(log == trace{"other@10"});
  }
}

}  // namespace
}  // namespace motet
