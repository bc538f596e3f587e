// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <thread>

namespace motet {
namespace {

constexpr int many = test::sanitized ? 5'000 : 100'000;

TEST_SUITE("threads: stop tokens") {
  TEST_CASE("X-06: a job that waits with its fiber's token wakes when that is stopped") {
    test::run_on_kernel([] {
      std::binary_semaphore begun(0);
      bool woken = false;
      const auto f = spin([&] {
        const std::stop_token token = this_fiber::stop_token();
        blocking([&] {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          begun.release();
          woken = !never.wait(lock, token, [] { return false; });
        });
        checkpoint();
      });
      testing::settle();
      begun.acquire();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(woken);
    });
  }

  // The wait takes its callback back as it returns, while the scheduler's thread runs it:
  // both want the lock that is inside of the condition.
  TEST_CASE("X-07: a stop callback is destroyed while it runs elsewhere: no deadlock") {
    test::run_on_kernel([] {
      std::mutex mutex;
      std::condition_variable_any changed;
      int ended = 0;
      for (int round = 0; round < many; ++round) {
        bool go_on = false;
        const auto f = spin([&] {
          blocking([&](std::stop_token token) {
            std::unique_lock lock(mutex);
            changed.wait(lock, token, [&] { return go_on; });
          });
        });
        yield();
        if (round % 3 != 0) {
          const std::lock_guard lock(mutex);
          go_on = true;
        }
        changed.notify_all();
        f.stop();
        (void)f.wait();
        ended += f.done();
      }
      CHECK(ended == many);
    });
  }

  TEST_CASE("X-07: a block is left as its foreign token is requested, with a lock held") {
    test::run_on_kernel([] {
      std::mutex mutex;
      for (int round = 0; round < many / 100; ++round) {
        std::stop_source source;
        const std::jthread other([&] {
          source.request_stop();
          const std::lock_guard lock(mutex);
        });
        const std::lock_guard lock(mutex);
        (void)cancel_on(source.get_token(), [] {});
      }
    });
  }
}

}  // namespace
}  // namespace motet
