// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::fails_after;
using test::fails_when_stopped;
using test::now_in_ms;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("when_all") {
  TEST_CASE("all run at the same time, and the results come in their order") {
    testing::run([] {
      const int x = 20;
      const auto [a, b] = when_all(
          [&] {
            sleep(30ms);
            return x + 1;
          },
          [&] {
            sleep(20ms);
            return std::string("b");
          });
      CHECK(a == 21);
      CHECK(b == "b");
      CHECK(now_in_ms() == 30);
    });
  }

  TEST_CASE("E-15: if one fails the other is cancelled, and has ended before the throw") {
    trace log;
    testing::run([&] {
      log.at(thrown_by([&] {
        when_all(fails_after(10ms, "E"), [&] {
          const cleanup last([&] {
            sleep(50ms);
            log.at("cleaned");
          });
          suspend();
        });
      }));
    });
    CHECK(log == trace{"cleaned@60", "E@60"});
  }

  TEST_CASE("E-01: two that fail are thrown together, in the order of their ends") {
    testing::run([] {
      CHECK(thrown_by([] {
              when_all(fails_when_stopped("E2"), fails_after(10ms, "E1"));
            }) == "{E1 E2}");
    });
  }

  TEST_CASE("P-10: results may be move-only, references, or nothing") {
    testing::run([] {
      int here = 1;
      auto [moved, referred, nothing] = when_all([] { return std::make_unique<int>(3); },
                                                 [&]() -> int& { return here; }, [] {});
      CHECK(*moved == 3);
      static_assert(std::is_same_v<decltype(referred), int&>);
      referred = 2;
      CHECK(here == 2);
      static_assert(std::is_same_v<decltype(nothing), std::monostate>);
      static_assert(std::is_void_v<decltype(when_all([] {}, [] {}))>);
      static_assert(
          std::is_same_v<decltype(when_all([] { return 1; })), std::tuple<int>>);
    });
  }

  TEST_CASE("a range of callables gives a vector") {
    testing::run([] {
      std::vector<std::function<bool()>> questions;
      for (int i = 0; i < 3; ++i) {
        questions.emplace_back([i] {
          sleep(3ms - i * 1ms);
          return i % 2 == 0;
        });
      }
      CHECK(when_all(questions) == std::vector<bool>{true, false, true});
      CHECK(when_all(std::vector<std::function<int()>>{}).empty());
      const std::vector<std::function<void()>> orders(2, [] { sleep(5ms); });
      when_all(orders);
      CHECK(now_in_ms() == 8);
    });
  }

  TEST_CASE("Decision 2: when_all looks for cancellation first; leaving is no point") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        this_fiber::self().stop();
        when_all([] { FAIL_CHECK("it was not to begin"); });
        log("never");
      });
      CHECK(f.outcome().stopped());
      const auto g = spin([&] {
        const auto [r] = when_all([] {
          shield([] { sleep(10ms); });
          return 5;
        });
        log.at(r);
        checkpoint();
        log("never");
      });
      sleep(5ms);
      g.stop();
      CHECK(g.outcome().stopped());
    });
    CHECK(log == trace{"5@10"});
  }

  TEST_CASE("a cancelled when_all stops all, waits for them, and throws cancelled") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&] {
        when_all(
            [&] {
              const cleanup last([&] {
                sleep(5ms);
                log.at("cleaned");
              });
              suspend();
            },
            [] { return 1; });
        log("never");
      }));
      log.at("out");
    });
    CHECK(log == trace{"cleaned@15", "out@15"});
  }

  TEST_CASE("one that somebody stops leaves no result, but does not hurt the others") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        when_all(
            [] {
              suspend();
              return 1;
            },
            [&] {
              sleep(10ms);
              log.at("unhurt");
            });
      });
      const auto g = spin([&] {
        when_all([] { suspend(); }, [] { sleep(10ms); });  // nothing was to come of it
        log.at("content");
      });
      sleep(5ms);
      f.children().at(0).stop("enough");
      g.children().at(0).stop("enough");
      CHECK_THROWS_AS(f.await(), fiber_stopped);
    });
    CHECK(log == trace{"unhurt@10", "content@10"});
  }
}

}  // namespace
}  // namespace motet
