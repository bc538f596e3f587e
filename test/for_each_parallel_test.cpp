// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::now_in_ms;
using test::thrown_by;
using test::trace;
using test::tracked;
using test::trouble;

/// The numbers from 0 on, as `make` makes something of each, on the way.
template <class Make>
struct made {
  struct iterator {
    using difference_type = std::ptrdiff_t;
    using value_type = std::invoke_result_t<const Make&, int>;

    const Make* make = nullptr;
    int at = 0;

    value_type operator*() const { return (*make)(at); }
    iterator& operator++() {
      ++at;
      return *this;
    }
    void operator++(int) { ++at; }
    bool operator==(const iterator& other) const { return at == other.at; }
  };

  int count;
  Make make;

  [[nodiscard]] iterator begin() const { return {&make, 0}; }
  [[nodiscard]] iterator end() const { return {&make, count}; }
};
template <class Make>
made(int, Make) -> made<Make>;

TEST_SUITE("for_each_parallel") {
  TEST_CASE("all run at the same time, and the results come in the range's order") {
    testing::run([] {
      const std::vector<int> spans{30, 10, 20};
      const auto doubled = for_each_parallel(spans, [](int ms) {
        sleep(ms * 1ms);
        return 2 * ms;
      });
      CHECK((doubled == std::vector{60, 20, 40}));
      CHECK(now_in_ms() == 30);
    });
  }

  TEST_CASE("no more than the limit run at a time; whoever ends makes room") {
    trace log;
    testing::run([&] {
      const std::vector<int> spans{30, 10, 40, 10, 10};
      for_each_parallel(spans, {.limit = 2}, [&](int ms) {
        log.at("in");
        sleep(ms * 1ms);
        log.at("out");
      });
      log.at("all");
    });
    CHECK(log == trace{"in@0", "in@0", "out@10", "in@10", "out@30", "in@30", "out@40",
                       "in@40", "out@50", "out@50", "all@50"});
  }

  TEST_CASE("a limit of one is one after the other, each with its cleanup and children") {
    trace log;
    testing::run([&] {
      for_each_parallel(std::vector{1, 2}, {.limit = 1}, [&](int n) {
        spin([&log, n] {
          const cleanup last([&] {
            sleep(10ms);
            log.at(n);
          });
          suspend();
        });
        sleep(1ms);
      });
    });
    CHECK(log == trace{"1@11", "2@22"});
  }

  TEST_CASE(
      "E-16: an error stops the feeding, and what runs has ended before the throw") {
    trace log;
    testing::run([&] {
      const std::vector<int> numbers{1, 2, 3, 4, 5};
      log.at(thrown_by([&] {
        for_each_parallel(numbers, {.limit = 2}, [&](int n) {
          const cleanup last([&, n] {
            sleep(5ms);
            log.at(n);
          });
          sleep(n * 10ms);
          if (n == 2) throw trouble("E");
        });
      }));
    });
    // 3 has taken 1's place; 4 and 5 never run.
    CHECK(log == trace{"1@15", "2@25", "3@30", "E@30"});
  }

  TEST_CASE("E-16: the one that fails makes no room for another") {
    int begun = 0;
    testing::run([&] {
      const made numbers{1'000'000, [](int n) { return n; }};
      CHECK(thrown_by([&] {
              for_each_parallel(numbers, {.limit = 2}, [&](int n) {
                ++begun;
                sleep(1ms);
                if (n == 7) throw trouble("seventh");
              });
            }) == "seventh");
    });
    CHECK(begun <= 9);
  }

  TEST_CASE("E-01: two that fail are thrown together") {
    testing::run([] {
      CHECK(thrown_by([] {
              for_each_parallel(std::vector{2, 1}, [](int n) {
                shield([&] { sleep(n * 1ms); });
                throw trouble(std::to_string(n));
              });
            }) == "{1 2}");
    });
  }

  TEST_CASE("without any element there is nothing to do, and no result") {
    testing::run([] {
      CHECK(for_each_parallel(std::vector<int>{}, [](int n) { return n; }).empty());
      for_each_parallel(std::vector<int>{}, {.limit = 3}, [](int) {});
    });
  }

  TEST_CASE("what was stopped leaves no result, and does not hold up the others") {
    testing::run([] {
      const auto stop_the_last = [](int n) {
        if (n == 1) this_fiber::self().parent().children().back().stop("enough");
        sleep(1ms);
        return n;
      };
      // The last is stopped before it began: it makes room all the same.
      CHECK_THROWS_AS(
          for_each_parallel(std::vector{1, 2, 3}, {.limit = 2}, stop_the_last),
          fiber_stopped);
      CHECK(now_in_ms() == 1);
      for_each_parallel(std::vector{1, 2, 3}, {.limit = 2},
                        [&](int n) { static_cast<void>(stop_the_last(n)); });
      CHECK(now_in_ms() == 2);
    });
  }
}

TEST_SUITE("for_each_parallel: cancellation") {
  TEST_CASE("Decision 2: it looks for cancellation first") {
    testing::run([] {
      CHECK_FALSE(move_on_after(0s, [] {
        for_each_parallel(std::vector{1}, [](int) { FAIL("runs"); });
        FAIL("goes on");
      }));
    });
  }

  TEST_CASE("what is cancelled stops all, waits for them, and begins no other") {
    trace log;
    testing::run([&] {
      move_on_after(10ms, [&] {
        for_each_parallel(std::vector{1, 2, 3}, {.limit = 2}, [&](int n) {
          const cleanup last([&, n] {
            sleep(n * 5ms);
            log.at(n);
          });
          suspend();
        });
      });
      log.at("out");
    });
    CHECK(log == trace{"1@15", "2@20", "out@20"});
  }

  TEST_CASE("an exception raised into it cancels all") {
    testing::run([] {
      const auto busy = spin([] {
        for_each_parallel(std::vector{1, 2, 3}, {.limit = 2}, [](int) { suspend(); });
      });
      sleep(1ms);
      busy.raise(trouble("raised"));
      CHECK(thrown_by([&] { busy.await(); }) == "raised");
    });
  }
}

/// An input range of what comes in; stepping on parks. Ends at zero.
class incoming {
 public:
  struct iterator {
    using difference_type = std::ptrdiff_t;
    using value_type = int;

    int at = 0;

    int operator*() const { return at; }
    iterator& operator++() {
      at = receive<int>();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at == 0; }
  };

  static iterator begin() { return {receive<int>()}; }
  static std::default_sentinel_t end() { return {}; }
};

/// Can be gone through once; each step overwrites the element.
struct numbers_in {
  std::istream& from;

  [[nodiscard]] std::istream_iterator<int> begin() const {
    return std::istream_iterator<int>(from);
  }
  [[nodiscard]] static std::istream_iterator<int> end() { return {}; }
};

TEST_SUITE("for_each_parallel: ranges") {
  TEST_CASE("elements of a container are lent") {
    testing::run([] {
      std::vector<std::string> words{"a", "b"};
      for_each_parallel(words, [](std::string& word) {
        sleep(1ms);
        word += '!';
      });
      CHECK((words == std::vector<std::string>{"a!", "b!"}));
      const auto sizes = for_each_parallel(std::vector<std::string>{"a", "bc"},
                                           [](auto& word) { return word.size(); });
      CHECK((sizes == std::vector<std::size_t>{1, 2}));
      std::unique_ptr<int> numbers[]{std::make_unique<int>(7), nullptr};
      for_each_parallel(numbers, [](std::unique_ptr<int>& p) { p.reset(); });
      CHECK(numbers[0] == nullptr);
    });
  }

  TEST_CASE("elements that are made on the way stay with their fibers") {
    testing::run([] {
      const made words{
          3, [](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }};
      const auto sizes = for_each_parallel(words, [](const std::string& word) {
        sleep(1ms);
        return word.size();
      });
      CHECK((sizes == std::vector<std::size_t>{0, 1, 2}));
      const auto owned =
          for_each_parallel(made{3, [](int n) { return std::make_unique<int>(n); }},
                            [](std::unique_ptr<int> number) {
                              sleep(1ms);
                              return number;
                            });
      CHECK(*owned.at(2) == 2);
      std::vector<bool> flags{true, false};
      CHECK((for_each_parallel(flags, [](bool b) { return !b; }) ==
             std::vector<bool>{false, true}));
    });
  }

  TEST_CASE("an input range is gone through once, its elements kept") {
    testing::run([] {
      std::istringstream text("3 1 2");
      const auto read = for_each_parallel(numbers_in{text}, {.limit = 2}, [](int n) {
        sleep(n * 1ms);
        return n;
      });
      CHECK((read == std::vector{3, 1, 2}));
    });
  }

  TEST_CASE("walking the range may park: what is there runs meanwhile") {
    trace log;
    testing::run([&] {
      const auto self = this_fiber::self();
      spin([self] {
        for (const int n : {1, 2, 3, 0}) {
          self << n;
          sleep(10ms);
        }
      });
      for_each_parallel(incoming(), {.limit = 2}, [&](int n) {
        sleep(25ms);
        log.at(n);
      });
      log.at("all");
    });
    CHECK(log == trace{"1@25", "2@35", "3@50", "all@50"});
  }

  TEST_CASE("an error ends the walk, and no element is lost that was not taken") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 1;
      CHECK(thrown_by([&] {
              for_each_parallel(incoming(), [](int) {
                sleep(10ms);
                throw trouble("E");
              });
            }) == "E");
      CHECK(now_in_ms() == 10);
      self << 2;
      CHECK(receive<int>() == 2);
    });
  }

  TEST_CASE("the range's own error cancels what runs") {
    testing::run([] {
      const made numbers{5, [](int n) {
                           if (n == 2) throw trouble("walk");
                           return n;
                         }};
      CHECK(thrown_by([&] { for_each_parallel(numbers, [](int) { suspend(); }); }) ==
            "walk");
    });
  }

  TEST_CASE("elements and results die with their fibers and the call") {
    testing::run([] {
      const made five{5, [](int) { return tracked(); }};
      for_each_parallel(five, {.limit = 1},
                        [](const tracked&) { CHECK(tracked::alive() <= 2); });
      const auto back = for_each_parallel(five, [](const tracked& each) { return each; });
      CHECK(tracked::alive() == 5);
      CHECK_THROWS_AS(for_each_parallel(five,
                                        [](const tracked& each) -> tracked {
                                          if (tracked::alive() > 8) throw trouble();
                                          return each;
                                        }),
                      trouble);  // the others never ran
      CHECK(tracked::alive() == 5);
    });
    CHECK(tracked::alive() == 0);
  }

  TEST_CASE("results may be nothing or references, which are copied") {
    testing::run([] {
      std::vector<int> numbers{1, 2};
      const auto same = for_each_parallel(numbers, [](int& n) -> int& { return n; });
      static_assert(std::is_same_v<decltype(same), const std::vector<int>>);
      CHECK(same == numbers);
      static_assert(std::is_void_v<decltype(for_each_parallel(numbers, [](int) {}))>);
    });
  }
}

}  // namespace
}  // namespace motet
