// SPDX-License-Identifier: MIT
#include "lib/core/run_queue.hpp"

#include "lib/core/fiber_state.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

namespace motet::detail {
namespace {

TEST_SUITE("core: run queue") {
  TEST_CASE("fibers come out in the order in which they were put in") {
    std::deque<fiber_state> fibers(3);
    run_queue queue;
    queue.reserve(fibers.size());
    CHECK(queue.empty());
    for (fiber_state& f : fibers)
      queue.push(f, &f);
    CHECK(queue.size() == 3);
    for (fiber_state& f : fibers)
      CHECK(queue.pop() == &f);
    CHECK(queue.empty());
  }

  TEST_CASE("growing keeps the order, wherever in the ring it begins") {
    for (std::size_t begin = 0; begin < 64; begin += 7) {
      std::deque<fiber_state> fibers(200);
      run_queue queue;
      queue.reserve(60);
      for (std::size_t i = 0; i < begin; ++i) {
        queue.push(fibers[0], nullptr);
        CHECK(queue.pop() == &fibers[0]);
      }
      for (std::size_t i = 0; i < 60; ++i)
        queue.push(fibers[i], nullptr);
      queue.reserve(200);
      CHECK(queue.size() == 60);
      for (std::size_t i = 60; i < 200; ++i)
        queue.push(fibers[i], nullptr);
      for (fiber_state& f : fibers)
        CHECK(queue.pop() == &f);
      CHECK(queue.empty());
    }
  }

  TEST_CASE("any mix of operations agrees with a list") {
    std::mt19937 dice(7);
    std::deque<fiber_state> fibers(500);
    std::deque<fiber_state*> model;
    run_queue queue;
    for (int step = 0; step < 50'000; ++step) {
      if (model.size() < fibers.size() && dice() % 100 < 51) {
        fiber_state& f = fibers[dice() % fibers.size()];
        queue.reserve(model.size() + 1);
        queue.push(f, &f);
        model.push_back(&f);
      } else if (!model.empty()) {
        REQUIRE(queue.pop() == model.front());
        model.pop_front();
      }
      REQUIRE(queue.size() == model.size());
      REQUIRE(queue.empty() == model.empty());
    }
  }
}

}  // namespace
}  // namespace motet::detail
