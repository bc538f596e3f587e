// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where other threads and signal handlers leave work for a scheduler.

#include "backend/backend.hpp"
#include "lib/core/forked.hpp"

#include <atomic>
#include <cstdint>

namespace motet::detail {

/// A piece of work; runs on the scheduler's thread, between fibers, and frees itself.
struct remote_task {
  remote_task* next = nullptr;
  void (*run)(remote_task&) noexcept = nullptr;
};

/// The door to a scheduler. Never destroyed, only closed and opened again for another
/// scheduler: fibers that have ended, and handles to them, may name it for ever.
///
/// Tasks come out in the order in which they were posted. The only lock-free code here.
class remote_queue {
 public:
  void open(backend& kernel) noexcept {
    kernel_.store(&kernel, std::memory_order_release);
  }

  /// Nobody posts or wakes once this has returned.
  void close() noexcept {
    kernel_.store(nullptr);
    while (visitors_.load() != 0) {
    }
  }

  /// Leaves a task. Any thread. @returns false if the scheduler has ended; then the task
  /// is still the caller's.
  bool post(remote_task& task) noexcept {
    refuse_in_child("a request or message to another thread");
    visitors_.fetch_add(1);
    backend* const kernel = kernel_.load();
    if (kernel != nullptr) {
      task.next = last_.load(std::memory_order_relaxed);
      while (!last_.compare_exchange_weak(task.next, &task, std::memory_order_seq_cst,
                                          std::memory_order_relaxed)) {
      }
      if (sleeping_.exchange(false)) kernel->wake();
    }
    visitors_.fetch_sub(1);
    return kernel != nullptr;
  }

  /// Notes a signal. Safe in signal handlers. @returns how many there were before.
  unsigned post_signal(int number) noexcept {
    visitors_.fetch_add(1);
    const unsigned before = signals_.fetch_add(1);
    last_signal_.store(number);
    if (backend* const kernel = kernel_.load(); kernel != nullptr) kernel->wake();
    visitors_.fetch_sub(1);
    return before;
  }

  [[nodiscard]] bool empty() const noexcept {
    return last_.load(std::memory_order_relaxed) == nullptr &&
           signals_.load(std::memory_order_relaxed) == handled_signals_;
  }

  /// To be said before the scheduler waits; false if there is work to do first.
  bool fall_asleep() noexcept {
    sleeping_.store(true);
    if (last_.load() == nullptr && signals_.load() == handled_signals_) return true;
    sleeping_.store(false);
    return false;
  }
  void wake_up() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

  /// All tasks, oldest first.
  [[nodiscard]] remote_task* take_all() noexcept {
    if (last_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    remote_task* newest = last_.exchange(nullptr, std::memory_order_acquire);
    remote_task* oldest = nullptr;
    while (newest != nullptr) {
      remote_task* const next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  /// The signal noted since the last call, or 0; how many in all so far.
  struct noted_signal {
    int number;
    unsigned count;
  };
  [[nodiscard]] noted_signal take_signal() noexcept {
    const unsigned count = signals_.load();
    if (count == handled_signals_) return {0, count};
    handled_signals_ = count;
    return {last_signal_.load(), count};
  }
  void forget_signals() noexcept {
    signals_.store(0);
    handled_signals_ = 0;
  }

 private:
  std::atomic<backend*> kernel_{nullptr};
  std::atomic<remote_task*> last_{nullptr};
  std::atomic<bool> sleeping_{false};
  std::atomic<unsigned> visitors_{0};
  std::atomic<unsigned> signals_{0};
  std::atomic<int> last_signal_{0};
  unsigned handled_signals_ = 0;
};

}  // namespace motet::detail
