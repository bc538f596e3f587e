// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("once") {
  TEST_CASE("a once is made by whoever comes first, while others wait") {
    trace log;
    testing::run([&] {
      once<std::string> word;
      const auto ask = [&](const char* made) {
        log.at(word([&] {
          log.at("makes it");
          sleep(10ms);
          return std::string(made);
        }));
      };
      CHECK_FALSE(word.ready());
      with_scope([&](scope& s) {
        for (const char* made : {"first", "second", "third"})
          s.spin([&ask, made] { ask(made); });
      });
      CHECK(word.ready());
      ask("fourth");
    });
    CHECK(log == trace{"makes it@0", "first@10", "first@10", "first@10", "first@10"});
  }

  TEST_CASE("C-22: the initialiser is cancelled, and the next waiter initialises") {
    trace log;
    testing::run([&] {
      once<int> number;
      const auto ask = [&](int made) {
        return spin([&, made] {
          return number([&, made] {
            log.at("tries " + std::to_string(made));
            sleep(10ms);
            return made;
          });
        });
      };
      const auto a = ask(1);
      const auto b = ask(2);
      const auto c = ask(3);
      sleep(5ms);
      a.stop();
      CHECK(a.outcome().stopped());
      CHECK(b.await() == 2);
      CHECK(c.await() == 2);
    });
    CHECK(log == trace{"tries 1@0", "tries 2@5"});
  }

  TEST_CASE("an initialiser that fails concerns its caller, and the next one tries") {
    testing::run([] {
      once<int> number;
      const auto a = spin([&] {
        return number([]() -> int {
          sleep(1ms);
          throw trouble();
        });
      });
      const auto b = spin([&] { return number([] { return 2; }); });
      CHECK_THROWS_AS((void)a.await(), trouble);
      CHECK(b.await() == 2);
    });
  }

  TEST_CASE("who waits for a once can be cancelled, and those behind it wait on") {
    trace log;
    testing::run([&] {
      once<int> number;
      const auto slow = [] {
        sleep(20ms);
        return 1;
      };
      const auto a = spin([&] { return number(slow); });
      const auto b = spin([&] { return number(slow); });
      const auto c = spin([&] { log.at(number(slow)); });
      sleep(10ms);
      b.interrupt();
      log.at("b gone");
      c.await();
    });
    CHECK(log == trace{"b gone@10", "1@20"});
  }

  TEST_CASE("a once that was made is a point all the same") {
    testing::run([] {
      once<int> number;
      number([] { return 1; });
      const auto f = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        return number([] { return 2; });
      });
      CHECK(f.outcome().stopped());
    });
  }

  TEST_CASE("an initialiser that asks for what it makes is told so") {
    testing::run([] {
      once<int> number;
      const auto f =
          spin([&] { return number([&] { return number([] { return 1; }); }); });
      CHECK_THROWS_WITH_AS((void)f.await(), doctest::Contains("once"), deadlock_error);
      CHECK(number([] { return 2; }) == 2);
    });
  }

  TEST_CASE("a once holds what can only be moved, or nothing at all") {
    testing::run([] {
      once<std::unique_ptr<int>> number;
      const auto made = number([] { return std::make_unique<int>(7); }).get();
      CHECK(number([] { return std::make_unique<int>(8); }).get() == made);
      int runs = 0;
      once<> prepared;
      const auto prepare = [&] {
        prepared([&] {
          sleep(1ms);
          ++runs;
        });
      };
      with_scope([&](scope& s) {
        s.spin(prepare);
        s.spin(prepare);
      });
      CHECK(prepared.ready());
      CHECK(runs == 1);
    });
  }

  TEST_CASE("C-22: a once is made exactly once, wherever somebody is cancelled") {
    int succeeded = 0;
    const auto report = testing::cancel_everywhere({.each_fiber = true,
                                                    .afterwards =
                                                        [&] {
                                                          if (succeeded > 1)
                                                            throw trouble("made twice");
                                                          succeeded = 0;
                                                        }},
                                                   [&] {
                                                     once<int> number;
                                                     const auto ask = [&] {
                                                       return number([&] {
                                                         sleep(10ms);
                                                         checkpoint();
                                                         ++succeeded;
                                                         return 1;
                                                       });
                                                     };
                                                     with_scope([&](scope& s) {
                                                       for (int i = 0; i < 3; ++i)
                                                         s.spin(ask);
                                                     });
                                                   });
    CHECK(report.points >= 5);
  }
}

}  // namespace
}  // namespace motet
