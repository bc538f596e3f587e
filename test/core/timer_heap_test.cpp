// SPDX-License-Identifier: MIT
#include "lib/core/timer_heap.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

namespace motet::detail {
namespace {

using rank = timer_heap::rank;

constexpr time_point at(std::int64_t ms) {
  return time_point(std::chrono::milliseconds(ms));
}

timer due_at(std::int64_t ms) {
  timer t;
  t.deadline = at(ms);
  return t;
}

/// All that is due at `now`, in the order in which it comes out.
std::vector<const timer*> take_all(timer_heap& heap, time_point now) {
  std::vector<const timer*> out;
  while (const timer* const t = heap.take_due(now))
    out.push_back(t);
  return out;
}

TEST_SUITE("core: timer heap") {
  TEST_CASE("timers come out by deadline, and none before it is due") {
    timer_heap heap;
    std::array<timer, 3> timers{due_at(30), due_at(10), due_at(20)};
    for (timer& t : timers)
      heap.add(t, rank::sleeper);
    CHECK(heap.next() == at(10));
    CHECK(take_all(heap, at(9)).empty());
    CHECK(take_all(heap, at(20)) == std::vector<const timer*>{&timers[1], &timers[2]});
    CHECK(timers[0].armed());
    CHECK_FALSE(timers[1].armed());
    CHECK(heap.next() == at(30));
    CHECK(heap.take_due(at(30)) == &timers[0]);
    CHECK(heap.next() == time_point::max());
    CHECK(heap.empty());
  }

  TEST_CASE("at equal deadlines scopes come first, and then who was first") {
    timer_heap heap;
    std::array<timer, 6> timers;
    for (timer& t : timers)
      t.deadline = at(5);
    const std::array<rank, 6> ranks{rank::sleeper, rank::scope,   rank::sleeper,
                                    rank::scope,   rank::sleeper, rank::scope};
    for (std::size_t i = 0; i < timers.size(); ++i)
      heap.add(timers[i], ranks[i]);
    const std::vector<const timer*> expected{&timers[1], &timers[3], &timers[5],
                                             &timers[0], &timers[2], &timers[4]};
    CHECK(take_all(heap, at(5)) == expected);
  }

  TEST_CASE("a removed timer does not come out, wherever it stood") {
    constexpr std::size_t count = 40;
    for (std::size_t gone = 0; gone < count; ++gone) {
      timer_heap heap;
      std::array<timer, count> timers;
      for (std::size_t i = 0; i < count; ++i) {
        timers[i].deadline = at(static_cast<std::int64_t>((i * 17) % count));
        heap.add(timers[i], rank::sleeper);
      }
      heap.remove(timers[gone]);
      CHECK_FALSE(timers[gone].armed());
      const auto out = take_all(heap, at(count));
      CHECK(out.size() == count - 1);
      CHECK(std::find(out.begin(), out.end(), &timers[gone]) == out.end());
      CHECK(std::is_sorted(out.begin(), out.end(), [](const timer* a, const timer* b) {
        return a->deadline < b->deadline;
      }));
    }
  }

  TEST_CASE("timers that go before anybody asks what is due go in any order") {
    timer_heap heap;
    std::array<timer, 5> timers;
    for (std::size_t i = 0; i < timers.size(); ++i) {
      timers[i].deadline = at(static_cast<std::int64_t>(i));
      heap.add(timers[i], rank::scope);
    }
    heap.remove(timers[0]);
    heap.remove(timers[4]);
    heap.move(timers[3], at(0), rank::scope);
    CHECK(heap.size() == 3);
    heap.remove(timers[2]);
    CHECK_FALSE(timers[2].armed());
    CHECK(take_all(heap, at(9)) == std::vector<const timer*>{&timers[3], &timers[1]});
    CHECK(heap.empty());
  }

  TEST_CASE("a timer that was put off comes out at its new time only") {
    timer_heap heap;
    std::array<timer, 2> timers{due_at(10), due_at(20)};
    for (timer& t : timers)
      heap.add(t, rank::scope);
    heap.move(timers[0], at(30), rank::scope);
    CHECK(take_all(heap, at(15)).empty());
    CHECK(heap.next() == at(20));
    CHECK(heap.take_due(at(25)) == &timers[1]);
    CHECK(heap.next() == at(30));
    CHECK(heap.take_due(at(30)) == &timers[0]);
  }

  TEST_CASE("a timer that is moved forward overtakes the others") {
    timer_heap heap;
    std::array<timer, 9> timers;
    for (timer& t : timers) {
      t.deadline = at(50);
      heap.add(t, rank::scope);
    }
    heap.move(timers[8], at(1), rank::scope);
    CHECK(heap.next() == at(1));
    CHECK(heap.take_due(at(1)) == &timers[8]);
    CHECK(heap.take_due(at(49)) == nullptr);
  }

  TEST_CASE("a timer that was put off and then removed leaves the others in order") {
    timer_heap heap;
    std::array<timer, 20> timers;
    for (std::size_t i = 0; i < timers.size(); ++i) {
      timers[i].deadline = at(static_cast<std::int64_t>(i));
      heap.add(timers[i], rank::sleeper);
    }
    for (std::size_t i = 0; i < 10; ++i)
      heap.move(timers[i], at(100), rank::sleeper);
    for (std::size_t i = 0; i < 10; i += 2)
      heap.remove(timers[i]);
    const auto out = take_all(heap, at(100));
    std::vector<const timer*> expected;
    for (std::size_t i = 10; i < 20; ++i)
      expected.push_back(&timers[i]);
    for (std::size_t i = 1; i < 10; i += 2)
      expected.push_back(&timers[i]);
    CHECK(out == expected);
  }

  TEST_CASE("any mix of operations agrees with a sorted list") {
    std::mt19937 dice(20'25);
    timer_heap heap;
    std::array<timer, 64> timers;
    using place = std::tuple<time_point, rank, std::uint64_t>;
    std::map<place, timer*> model;
    std::map<const timer*, place> places;
    std::uint64_t sequence = 0;
    std::int64_t now = 0;

    const auto put = [&](timer& t, rank r) {
      const place p{t.deadline, r, ++sequence};
      model.emplace(p, &t);
      places[&t] = p;
    };
    const auto drop = [&](const timer& t) {
      model.erase(places.at(&t));
      places.erase(&t);
    };
    for (int step = 0; step < 20'000; ++step) {
      timer& t = timers[dice() % timers.size()];
      const rank r = dice() % 2 == 0 ? rank::scope : rank::sleeper;
      const time_point when = at(now + static_cast<std::int64_t>(dice() % 50));
      switch (dice() % 4) {
        case 0:
          if (t.armed()) break;
          t.deadline = when;
          heap.add(t, r);
          put(t, r);
          break;
        case 1:
          if (!t.armed()) break;
          heap.remove(t);
          drop(t);
          break;
        case 2:
          if (!t.armed()) break;
          heap.move(t, when, r);
          drop(t);
          put(t, r);
          break;
        default:
          now += static_cast<std::int64_t>(dice() % 10);
          while (timer* const due = heap.take_due(at(now))) {
            REQUIRE(!model.empty());
            REQUIRE(due == model.begin()->second);
            drop(*due);
          }
          REQUIRE((model.empty() || model.begin()->second->deadline > at(now)));
      }
      REQUIRE(heap.size() == model.size());
      if (step % 8 == 0) {
        const time_point soonest =
            model.empty() ? time_point::max() : model.begin()->second->deadline;
        REQUIRE(heap.next() == soonest);
      }
    }
  }
}

}  // namespace
}  // namespace motet::detail
