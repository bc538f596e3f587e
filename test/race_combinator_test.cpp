// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"
#include "test/support/unhandled.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::fails_after;
using test::fails_when_stopped;
using test::gives_after;
using test::now_in_ms;
using test::run_and_note_unhandled;
using test::thrown_by;
using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("race: who wins") {
  TEST_CASE("R-08: a race returns the first success, after the loser has ended") {
    trace log;
    testing::run([&] {
      const std::string r = race(
          [] {
            sleep(10ms);
            return "a";
          },
          [&] {
            const cleanup last([&] {
              sleep(5ms);
              log.at("l");
            });
            sleep(99ms);
            return "b";
          });
      log.at(r);
    });
    CHECK(log == trace{"l@15", "a@15"});
  }

  TEST_CASE("R-10: a race passes over an early failure if another succeeds") {
    testing::run([] {
      const auto racing = spin([] {
        return race(
            [] {
              sleep(10ms);
              throw trouble("E");
              return 1;
            },
            [] {
              sleep(20ms);
              return 2;
            });
      });
      const auto how = racing.outcome();
      CHECK(how.value() == 2);
      CHECK(now_in_ms() == 20);
      CHECK(how.cause().contains<trouble>());  // but it is not lost
      checkpoint();
    });
  }

  TEST_CASE("R-10: if all fail, the errors are thrown in the order of the ends") {
    testing::run([] {
      const auto all_fail = [] {
        race(fails_after(20ms, "E2"), fails_after(10ms, "E1"), fails_after(30ms, "E3"));
      };
      CHECK(thrown_by(all_fail) == "{E1 E2 E3}");
      CHECK(now_in_ms() == 30);
      CHECK(thrown_by([] { race(fails_after(10ms, "E")); }) == "E");
    });
  }

  TEST_CASE("R-10: a race of one that fails says where the error arose") {
    testing::run([] {
      fiber_ref racer;
      try {
        race([&] {
          racer = this_fiber::self();
          throw trouble();
        });
      } catch (const trouble& e) {
        CHECK(source_of(e) == racer);
      }
      CHECK(racer);
    });
  }

  TEST_CASE("R-11: race_first takes the first end, also if that is an error") {
    trace log;
    testing::run([&] {
      CHECK(thrown_by([&] {
              race_first(fails_after(10ms, "E"), [&] {
                const cleanup last([&] { log.at("loser"); });
                suspend();
              });
            }) == "E");
      CHECK(race_first(gives_after(10ms, 1), [] {
              sleep(20ms);
              return 2;
            }) == 1);
      CHECK(now_in_ms() == 20);
    });
    CHECK(log == trace{"loser@10"});
  }

  TEST_CASE("R-12: a loser that cannot be interrupted holds the race up") {
    testing::run([] {
      race([] { sleep(10ms); }, [] { shield([] { sleep(300ms); }); });
      CHECK(now_in_ms() == 300);
    });
  }

  TEST_CASE("a race that is decided at once runs none of the others") {
    testing::run([] {
      CHECK(race([] { return 1; },
                 [] {
                   FAIL_CHECK("the race was decided");
                   return 2;
                 }) == 1);
      CHECK(now_in_ms() == 0);
    });
  }

  TEST_CASE("a racer that somebody stops has failed") {
    testing::run([] {
      const auto self_stopping = [] {
        this_fiber::self().stop("enough");
        suspend();
      };
      CHECK(race(
                [&] {
                  self_stopping();
                  return 1;
                },
                gives_after(5ms, 2)) == 2);
      CHECK_THROWS_AS(race(self_stopping, self_stopping), exception_group);
      CHECK_THROWS_AS(race_first(self_stopping, [] { suspend(); }), fiber_stopped);
    });
  }

  TEST_CASE("children that a racer leaves behind end with it, and can make it fail") {
    testing::run([] {
      CHECK(race(
                [] {
                  spin(fails_after(1ms, "left behind"));
                  yield();
                  return 1;
                },
                gives_after(5ms, 2)) == 2);
      CHECK(now_in_ms() == 5);
    });
  }
}

TEST_SUITE("race: losers") {
  TEST_CASE("E-12: a loser's late failure is told once, and never thrown") {
    trace log;
    run_and_note_unhandled(log, [&] {
      race([] { sleep(10ms); }, fails_when_stopped("late"), fails_after(20ms, "later"));
      log.at("won");
      sleep(1ms);
    });
    CHECK(log == trace{"unhandled: late", "unhandled: later", "won@20"});
  }

  TEST_CASE("E-12: an early failure of a race that is won is not told") {
    trace log;
    run_and_note_unhandled(log, [&] {
      race([] { sleep(10ms); }, fails_after(5ms, "early"));
      log.at("won");
    });
    CHECK(log == trace{"won@10"});
  }

  TEST_CASE("E-12: a late failure of race_first is told, the first error thrown") {
    trace log;
    run_and_note_unhandled(log, [&] {
      log(thrown_by(
          [] { race_first(fails_after(10ms, "first"), fails_when_stopped("late")); }));
    });
    CHECK(log == trace{"unhandled: late", "first"});
  }

  TEST_CASE("a fiber that races all its life does not keep every error") {
    testing::run([] {
      const auto racing = spin([] {
        for (int i = 0; i < 1500; ++i)
          race(fails_after(0ms, std::to_string(i).c_str()), [] { yield(); });
        return 0;
      });
      const auto how = racing.outcome();
      REQUIRE(how.cause().errors().size() == exception_group::capacity);
    });
  }

  TEST_CASE("results that arrive together are merged, in the order of their ends") {
    testing::run([] {
      const auto merge = [](const std::string& a, const std::string& b) { return a + b; };
      const auto name_after = [](duration span, const char* name) {
        return [span, name] {
          shield([&] { sleep(span); });
          return std::string(name);
        };
      };
      CHECK(race({.combine = merge}, name_after(20ms, "c"), name_after(10ms, "a"),
                 name_after(15ms, "b")) == "abc");
      CHECK(now_in_ms() == 20);
      CHECK(race({.combine = merge}, name_after(10ms, "a"), [] {
              sleep(15ms);
              return std::string("never");
            }) == "a");
    });
  }

  TEST_CASE("two results of one instant are both there") {
    testing::run([] {
      const auto at_ten = [](int result) {
        return [result] {
          sleep(10ms);
          return result;
        };
      };
      CHECK(race({.combine = std::plus<>{}}, at_ten(1), at_ten(2), at_ten(4)) == 7);
    });
  }

  TEST_CASE("on_discard gets what a loser produced and nobody took") {
    trace log;
    testing::run([&] {
      const int r =
          race({.on_discard =
                    [&](int lost) {
                      sleep(5ms);  // shielded: it can say goodbye
                      log.at(lost);
                    }},
               gives_after(20ms, 2), gives_after(10ms, 1), gives_after(30ms, 3));
      log.at(r);
    });
    CHECK(log == trace{"2@35", "3@40", "1@40"});
  }

  TEST_CASE("what on_discard throws is told, the result is returned") {
    trace log;
    run_and_note_unhandled(log, [&] {
      log(race({.on_discard = [](int) { throw trouble("cannot close"); }},
               gives_after(10ms, 1), gives_after(10ms, 2)));
    });
    CHECK(log == trace{"unhandled: cannot close", "1"});
  }

  TEST_CASE("what combine throws is thrown; on_discard gets the results it did not see") {
    trace log;
    testing::run([&] {
      const auto merge = [](int, int) -> int { throw trouble("cannot merge"); };
      log(thrown_by([&] {
        race({.combine = merge, .on_discard = [&](int lost) { log(lost); }},
             gives_after(10ms, 1), gives_after(11ms, 2), gives_after(12ms, 3));
      }));
    });
    CHECK(log == trace{"3", "cannot merge"});
  }

  TEST_CASE("race_first that throws gives late results to on_discard") {
    trace log;
    testing::run([&] {
      const auto fail = []() -> int {
        sleep(10ms);
        throw trouble("first");
      };
      log(thrown_by([&] {
        race_first({.on_discard = [&](int lost) { log(lost); }}, fail,
                   gives_after(20ms, 2));
      }));
    });
    CHECK(log == trace{"2", "first"});
  }

  TEST_CASE("results that nobody takes are destroyed") {
    testing::run([] {
      const int before = tracked::alive();
      {
        const tracked won = race(
            [] {
              sleep(10ms);
              return tracked();
            },
            [] {
              sleep(10ms);
              return tracked();
            });
        CHECK(tracked::alive() == before + 1);
      }
      CHECK(tracked::alive() == before);
    });
  }
}

}  // namespace
}  // namespace motet
