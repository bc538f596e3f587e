// SPDX-License-Identifier: MIT
#include "lib/core/remote_queue.hpp"

#include "test/core/stub_backend.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

namespace motet::detail {
namespace {

/// What each poster sent, as it came out.
struct ledger {
  std::array<std::vector<int>, 8> seen;
};

struct entry : remote_task {
  ledger* book = nullptr;
  std::size_t poster = 0;
  int number = 0;
};

entry* make_entry(ledger& book, std::size_t poster, int number) {
  auto* const e = new entry;
  e->run = [](remote_task& self) noexcept {
    auto& mine = static_cast<entry&>(self);
    mine.book->seen[mine.poster].push_back(mine.number);
    delete &mine;
  };
  e->book = &book;
  e->poster = poster;
  e->number = number;
  return e;
}

int run_all(remote_queue& door) {
  int count = 0;
  remote_task* task = door.take_all();
  while (task != nullptr) {
    remote_task* const next = task->next;
    task->run(*task);
    task = next;
    ++count;
  }
  return count;
}

/// When to give up on what should have come: a lost task must not hang the tests.
bool patience_is_over(time_point since) {
  return machine_time() - since > 10s;
}

std::vector<int> up_to(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i)
    numbers.push_back(i);
  return numbers;
}

TEST_SUITE("core: remote queue") {
  TEST_CASE("tasks come out in the order in which they were posted") {
    stub_backend kernel;
    remote_queue door;
    door.open(kernel);
    ledger book;
    CHECK(door.empty());
    for (int i = 0; i < 5; ++i)
      CHECK(door.post(*make_entry(book, 0, i)));
    CHECK_FALSE(door.empty());
    CHECK(run_all(door) == 5);
    CHECK(book.seen[0] == up_to(5));
    CHECK(door.take_all() == nullptr);
  }

  TEST_CASE("only a scheduler that sleeps is woken, and only once") {
    stub_backend kernel;
    remote_queue door;
    door.open(kernel);
    ledger book;
    CHECK(door.post(*make_entry(book, 0, 0)));
    CHECK(kernel.wakes == 0);
    CHECK_FALSE(door.fall_asleep());  // there is work
    run_all(door);
    CHECK(door.fall_asleep());
    CHECK(door.post(*make_entry(book, 0, 1)));
    CHECK(door.post(*make_entry(book, 0, 2)));
    CHECK(kernel.wakes == 1);
    door.wake_up();
    CHECK(run_all(door) == 2);
    CHECK(door.fall_asleep());
    door.wake_up();
    CHECK(door.post(*make_entry(book, 0, 3)));
    CHECK(kernel.wakes == 1);
    run_all(door);
  }

  TEST_CASE("a closed door leaves the task with its poster") {
    stub_backend kernel;
    remote_queue door;
    ledger book;
    const std::unique_ptr<entry> mine(make_entry(book, 0, 0));
    CHECK_FALSE(door.post(*mine));  // not opened yet
    door.open(kernel);
    door.close();
    CHECK_FALSE(door.post(*mine));
    CHECK(door.take_all() == nullptr);
    stub_backend another;
    door.open(another);
    CHECK(door.post(*make_entry(book, 0, 1)));
    CHECK(run_all(door) == 1);
    CHECK(kernel.wakes == 0);
  }

  TEST_CASE("signals are counted and always wake") {
    stub_backend kernel;
    remote_queue door;
    door.open(kernel);
    CHECK(door.take_signal().number == 0);
    CHECK(door.post_signal(SIGINT) == 0);
    CHECK(door.post_signal(SIGTERM) == 1);
    CHECK(kernel.wakes == 2);
    CHECK_FALSE(door.empty());
    CHECK_FALSE(door.fall_asleep());
    const auto noted = door.take_signal();
    CHECK(noted.number == SIGTERM);
    CHECK(noted.count == 2);
    CHECK(door.take_signal().number == 0);
    CHECK(door.empty());
    door.forget_signals();
    CHECK(door.post_signal(SIGINT) == 0);
  }

  TEST_CASE("many threads post: none is lost and each keeps its order") {
    constexpr int each = 2'000;
    constexpr std::size_t posters = 6;
    stub_backend kernel;
    remote_queue door;
    door.open(kernel);
    ledger book;
    std::vector<std::thread> threads;
    for (std::size_t p = 0; p < posters; ++p) {
      threads.emplace_back([&, p] {
        for (int i = 0; i < each; ++i)
          door.post(*make_entry(book, p, i));
      });
    }
    int left = each * static_cast<int>(posters);
    const time_point start = machine_time();
    while (left > 0 && !patience_is_over(start)) {
      left -= run_all(door);
      std::this_thread::yield();
    }
    for (std::thread& t : threads)
      t.join();
    CHECK(left == 0);
    CHECK(door.take_all() == nullptr);
    for (std::size_t p = 0; p < posters; ++p)
      CHECK(book.seen[p] == up_to(each));
  }

  TEST_CASE("a post never misses a scheduler that falls asleep") {
    constexpr int rounds = 2'000;
    stub_backend kernel;
    remote_queue door;
    door.open(kernel);
    ledger book;
    std::thread poster([&] {
      for (int i = 0; i < rounds; ++i)
        door.post(*make_entry(book, 0, i));
    });
    int seen = 0;
    int woken = 0;
    const time_point start = machine_time();
    while (seen < rounds && !patience_is_over(start)) {
      if (door.fall_asleep()) {
        // Asleep: whatever is posted from now on has to say so.
        while (kernel.wakes == woken && !patience_is_over(start))
          std::this_thread::yield();
        woken = kernel.wakes;
        door.wake_up();
      }
      seen += run_all(door);
    }
    poster.join();
    CHECK(book.seen[0] == up_to(rounds));
  }

  TEST_CASE("once closed nobody posts and nobody wakes the backend that is gone") {
    for (int round = 0; round < 20; ++round) {
      auto kernel = std::make_unique<stub_backend>();
      remote_queue door;
      door.open(*kernel);
      ledger book;
      std::array<int, 3> posted{};
      std::vector<std::thread> threads;
      for (std::size_t p = 0; p < posted.size(); ++p) {
        threads.emplace_back([&, p] {
          for (;; ++posted[p]) {
            std::unique_ptr<entry> next(make_entry(book, p, posted[p]));
            if (!door.post(*next)) return;
            (void)next.release();
          }
        });
      }
      int taken = 0;
      const time_point start = machine_time();
      while (taken < 100 && !patience_is_over(start)) {
        if (door.fall_asleep()) std::this_thread::yield();
        taken += run_all(door);
      }
      door.close();
      kernel.reset();
      run_all(door);
      for (std::thread& t : threads)
        t.join();
      CHECK(door.take_all() == nullptr);
      for (std::size_t p = 0; p < posted.size(); ++p)
        CHECK(book.seen[p] == up_to(posted[p]));
    }
  }
}

}  // namespace
}  // namespace motet::detail
