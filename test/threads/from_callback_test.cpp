// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

namespace motet {
namespace {

/// Under sanitizers a tenth: they slow threads down as much.
constexpr int many = test::sanitized ? 10'000 : 100'000;

/// A thread that resumes whoever asks, at once.
class resuming_thread {
 public:
  /// To be called when the last one was resumed.
  void ask(resumer<int> r, int value) {
    asked_.emplace(std::move(r), value);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_one();
  }

 private:
  void work() {
    for (int seen = 0;; ++seen) {
      round_.wait(seen, std::memory_order_acquire);
      if (ending_) return;
      const auto [r, value] = *std::exchange(asked_, std::nullopt);
      done_.store(seen + 1, std::memory_order_release);
      r(value);
    }
  }

 public:
  ~resuming_thread() {
    wait_until_taken();
    ending_ = true;
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_one();
  }
  resuming_thread() = default;
  resuming_thread(const resuming_thread&) = delete;
  resuming_thread& operator=(const resuming_thread&) = delete;

  void wait_until_taken() const {
    while (done_.load(std::memory_order_acquire) != round_.load())
      std::this_thread::yield();
  }

 private:
  std::optional<std::pair<resumer<int>, int>> asked_;
  std::atomic<int> round_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> ending_ = false;
  std::jthread thread_{[this] { work(); }};
};

TEST_SUITE("threads: from_callback") {
  TEST_CASE("R-20: another thread resumes during the registration: no wake-up is lost") {
    test::run_on_kernel([] {
      resuming_thread other;
      int wrong = 0;
      for (int i = 0; i < many; ++i) {
        const int got = from_callback<int>([&](resumer<int> r) {
          other.ask(std::move(r), i);
          if (i % 2 == 0) other.wait_until_taken();
        });
        if (got != i) ++wrong;
      }
      CHECK(wrong == 0);
    });
  }

  TEST_CASE("resumed by a thread as it is cancelled: one of the two, never both") {
    test::run_on_kernel([] {
      std::atomic<int> counted = 0;
      int values = 0;
      int stops = 0;
      constexpr int rounds = many / 100;
      for (int i = 0; i < rounds; ++i) {
        std::optional<resumer<int>> kept;
        bool got = false;
        bool action = false;
        const auto f = spin([&] {
          (void)from_callback<int>([&](resumer<int> r) {
            kept = r;
            return [&] { action = true; };
          });
          got = true;
        });
        testing::settle();
        {
          const std::jthread other([r = *kept, &counted] {
            if (r(1)) ++counted;
          });
          if (i % 2 == 0) std::this_thread::yield();
          f.stop();
        }
        const bool stopped = f.outcome().stopped();
        CHECK(stopped != got);
        CHECK(action == stopped);
        values += got;
        stops += stopped;
      }
      CHECK(values == counted);
      CHECK(values + stops == rounds);
    });
  }
}

}  // namespace
}  // namespace motet
