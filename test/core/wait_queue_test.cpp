// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace motet::detail {
namespace {

/// The smallest thing that can be built on a wait queue: strings from fiber to fiber.
class string_queue {
 public:
  void send(std::string what) {
    items_.push_back(std::move(what));
    notify();
  }
  void notify() {
    if (waiters_.empty()) return;
    queue_waiter& next = *waiters_.first;
    waiters_.remove(next);
    this_scheduler->unpark(*next.fiber);
  }
  /// Waits for a `notify`, whatever there is in the queue.
  void wait() {
    scheduler& s = here("wait");
    enter_point(s);
    wait_in(s, waiters_, "a string");
  }
  std::string receive() {
    scheduler& s = here("receive");
    enter_point(s);
    while (items_.empty())
      wait_in(s, waiters_, "a string");
    std::string first = std::move(items_.front());
    items_.pop_front();
    return first;
  }
  [[nodiscard]] bool nobody_waits() const { return waiters_.empty(); }

 private:
  wait_queue waiters_;
  std::deque<std::string> items_;
};

std::vector<const queue_waiter*> walk(const wait_queue& queue) {
  std::vector<const queue_waiter*> found;
  for (const queue_waiter* w = queue.first; w != nullptr; w = w->next)
    found.push_back(w);
  std::vector<const queue_waiter*> back;
  for (const queue_waiter* w = queue.last; w != nullptr; w = w->previous)
    back.push_back(w);
  CHECK(std::vector(back.rbegin(), back.rend()) == found);
  return found;
}

TEST_SUITE("core: wait queue") {
  TEST_CASE("waiters stand in the order in which they came") {
    wait_queue queue;
    std::array<queue_waiter, 3> w;
    CHECK(queue.empty());
    for (queue_waiter& each : w)
      queue.push(each);
    CHECK(walk(queue) == std::vector<const queue_waiter*>{&w[0], &w[1], &w[2]});
    CHECK(w[1].queue == &queue);
  }

  TEST_CASE("a waiter leaves from wherever it stands") {
    for (std::size_t gone = 0; gone < 3; ++gone) {
      wait_queue queue;
      std::array<queue_waiter, 3> w;
      for (queue_waiter& each : w)
        queue.push(each);
      queue.remove(w[gone]);
      CHECK(w[gone].queue == nullptr);
      std::vector<const queue_waiter*> expected;
      for (std::size_t i = 0; i < 3; ++i) {
        if (i != gone) expected.push_back(&w[i]);
      }
      CHECK(walk(queue) == expected);
      queue.push(w[gone]);
      expected.push_back(&w[gone]);
      CHECK(walk(queue) == expected);
      for (queue_waiter& each : w)
        queue.remove(each);
      CHECK(walk(queue).empty());
    }
  }

  TEST_CASE("C-01: a stopped waiter leaves the queue") {
    testing::run([] {
      string_queue q;
      const auto receive = [&q] { return q.receive(); };
      const auto f1 = spin(receive);
      const auto f2 = spin(receive);
      const auto f3 = spin(receive);
      testing::settle();
      CHECK(f2.stop());
      testing::settle();
      CHECK(f2.done());
      q.send("foo");
      q.send("bar");
      CHECK(f1.await() == "foo");
      CHECK(f3.await() == "bar");
      CHECK(f2.outcome().stopped());
      CHECK(q.nobody_waits());
    });
  }

  TEST_CASE("original: a woken waiter that is then stopped keeps its wake-up") {
    testing::run([] {
      string_queue q;
      bool woken = false;
      bool next_woken = false;
      const auto w1 = spin([&] {
        q.wait();
        woken = true;
        checkpoint();
        FAIL("ran past a point while stopped");
      });
      const auto w2 = spin([&] {
        q.wait();
        next_woken = true;
      });
      testing::settle();
      q.notify();
      CHECK(w1.stop());
      testing::settle();
      CHECK(woken);
      CHECK(w1.outcome().stopped());
      CHECK_FALSE(next_woken);
      q.notify();
      w2.await();
      CHECK(next_woken);
    });
  }

  TEST_CASE("original: a waiter that is stopped first leaves the wake-up to the next") {
    testing::run([] {
      string_queue q;
      const auto w1 = spin([&] {
        q.wait();
        FAIL("was stopped before anybody woke it");
      });
      bool woken = false;
      const auto w2 = spin([&] {
        q.wait();
        woken = true;
      });
      testing::settle();
      CHECK(w1.stop());
      q.notify();
      w2.await();
      CHECK(woken);
      CHECK(w1.outcome().stopped());
    });
  }

  TEST_CASE("original: a waiter that timed out is not woken in an unrelated sleep") {
    testing::run([] {
      string_queue q;
      const auto f = spin([&] {
        CHECK_FALSE(move_on_after(10ms, [&] { q.wait(); }));
        CHECK(q.nobody_waits());
        sleep(100ms);
        return motet::clock::now();
      });
      sleep(50ms);
      q.notify();
      CHECK(f.await() == time_point(110ms));
    });
  }

  TEST_CASE("an exception raised into a waiter takes it out of the queue") {
    testing::run([] {
      string_queue q;
      const auto f = spin([&] {
        try {
          q.wait();
          FAIL("nobody woke it");
        } catch (const std::runtime_error&) {
        }
        return q.receive();
      });
      testing::settle();
      CHECK(f.raise("foo"));
      testing::settle();
      q.send("bar");
      CHECK(f.await() == "bar");
      CHECK(q.nobody_waits());
    });
  }
}

}  // namespace
}  // namespace motet::detail
