// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::fails_after;
using test::fails_when_stopped;
using test::gives_after;
using test::thrown_by;
using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("race: asked to stop") {
  TEST_CASE("Decision 2: a race looks for cancellation first") {
    testing::run([] {
      const auto f = spin([] {
        this_fiber::self().stop();
        race([] { FAIL_CHECK("it was not to begin"); });
        FAIL_CHECK("a race is a point");
      });
      CHECK(f.outcome().stopped());
    });
  }

  TEST_CASE("R-13: a result that is there when the parent is cancelled is returned") {
    trace log;
    testing::run([&] {
      const auto parent = spin([&] {
        const std::string r = race(
            [] {
              sleep(10ms);
              return "a";
            },
            [&] {
              const cleanup last([] { sleep(10ms); });
              suspend();
              return "b";
            });
        log.at(r);
        checkpoint();
        log("never");
      });
      sleep(15ms);
      log("cancelling parent");
      CHECK(parent.stop());
      CHECK(parent.outcome().stopped());
    });
    CHECK(log == trace{"cancelling parent", "a@20"});
  }

  TEST_CASE("R-13: a result that comes in spite of the request is returned too") {
    trace log;
    testing::run([&] {
      const auto parent = spin([&] {
        log.at(race(gives_after(20ms, 7), [] {
          suspend();
          return 0;
        }));
        checkpoint();
        log("never");
      });
      sleep(10ms);
      parent.stop();
      CHECK(parent.outcome().stopped());
    });
    CHECK(log == trace{"7@20"});
  }

  TEST_CASE("a cancelled race stops its racers, waits for them, and throws cancelled") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&] {
        race(fails_after(5ms, "early"), [&] {
          const cleanup last([&] {
            sleep(5ms);
            log.at("cleaned");
          });
          suspend();
        });
        log("never");
      }));
      log.at("out");
    });
    CHECK(log == trace{"cleaned@15", "out@15"});
  }

  TEST_CASE("a racer that fails to clean up after a request is heard") {
    testing::run([] {
      CHECK(thrown_by([] {
              move_on_after(10ms, [] {
                race(fails_after(5ms, "early"), fails_when_stopped("cleanup"),
                     [] { suspend(); });
              });
            }) == "cleanup");
      CHECK(thrown_by([] {
              move_on_after(10ms, [] {
                race(fails_after(5ms, "early"), fails_when_stopped("cleanup"));
              });
            }) == "{early cleanup}");
    });
  }

  TEST_CASE("an error after a request does not decide race_first") {
    testing::run([] {
      const auto fails_late = [] {
        move_on_after(10ms, [] {
          return race_first(
              [] {
                suspend();
                return 1;
              },
              [] {
                shield([] { sleep(20ms); });
                throw trouble("late");
                return 2;
              });
        });
      };
      CHECK(thrown_by(fails_late) == "late");
    });
  }

  TEST_CASE("an exception raised into a race that is open ends it") {
    trace log;
    testing::run([&] {
      const auto parent = spin([&] {
        log.at(thrown_by([&] {
          race({.on_discard = [&](int lost) { log.at(lost); }}, gives_after(20ms, 1),
               [&] {
                 const cleanup last([&] { log.at("stopped"); });
                 suspend();
                 return 2;
               });
        }));
      });
      sleep(10ms);
      parent.raise(trouble("raised"));
      parent.await();
    });
    CHECK(log == trace{"stopped@10", "1@20", "raised@20"});
  }

  TEST_CASE("an exception raised into a race that is decided waits for the next point") {
    trace log;
    testing::run([&] {
      const auto parent = spin([&] {
        log.at(race(gives_after(5ms, 1), gives_after(20ms, 2)));
        log.at(thrown_by([] { checkpoint(); }));
      });
      sleep(10ms);
      parent.raise(trouble("raised"));
      parent.await();
    });
    CHECK(log == trace{"1@20", "raised@20"});
  }

  TEST_CASE("a race in a shield is not stopped from outside, but its racers can be") {
    testing::run([] {
      const auto f = spin([] {
        this_fiber::self().stop();
        return shield([] {
          return race(gives_after(10ms, 1), [] {
            sleep(5ms);
            return 2;
          });
        });
      });
      CHECK(f.outcome().value() == 2);
    });
  }

  TEST_CASE("a race that nothing can end is told so") {
    testing::run([] {
      CHECK_THROWS_AS(race([] { suspend(); }, [] { suspend(); }), deadlock_error);
      sleep(1ms);
    });
  }

  TEST_CASE("a scope_ref finds its scope around a race") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const scope_ref outside = s.ref();
        race([] { suspend(); },
             [&] {
               sleep(5ms);
               CHECK(outside.cancel());
               suspend();
             });
        log("never");
      });
      log.at("out");
    });
    CHECK(log == trace{"out@5"});
  }
}

TEST_SUITE("race: types") {
  TEST_CASE("the result has the common type of all") {
    testing::run([] {
      const auto r = race(
          [] {
            sleep(1ms);
            return 1;
          },
          [] { return 2.5; });
      static_assert(std::is_same_v<decltype(r), const double>);
      CHECK(r == 2.5);
      static_assert(std::is_void_v<decltype(race([] {}, [] {}))>);
      static_assert(std::is_void_v<decltype(race_first([] {}, [] {}))>);
    });
  }

  TEST_CASE("results that can only be moved are moved") {
    testing::run([] {
      const auto give = [](int value) {
        return [value] {
          sleep(10ms);
          return std::make_unique<int>(value);
        };
      };
      CHECK(*race(give(1), give(2)) == 1);
      const auto add = [](std::unique_ptr<int> a, const std::unique_ptr<int>& b) {
        *a += *b;
        return a;
      };
      CHECK(*race({.combine = add}, give(1), give(2)) == 3);
    });
  }

  TEST_CASE("callables in a range race as well") {
    testing::run([] {
      std::vector<std::function<int()>> racers;
      for (int i = 0; i < 5; ++i)
        racers.emplace_back(gives_after(50ms - i * 10ms, i));
      CHECK(race(racers) == 4);
      CHECK(race_first(racers) == 4);
      CHECK(race({.combine = std::plus<>{}}, racers) == 10);
      CHECK(race_first({.on_discard = [](int lost) { CHECK(lost < 4); }}, racers) == 4);
      CHECK_THROWS_AS(race(std::vector<std::function<int()>>{}), structure_error);
    });
  }
}

}  // namespace
}  // namespace motet
