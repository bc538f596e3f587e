// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The threads that code which blocks runs on: one pool for the process.

#include <motet/debug.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace motet::detail {

/// A piece of work. It belongs to the pool from `submit` until `finished` is called or
/// `withdraw` has returned true.
struct pool_job {
  /// Does the work, on a thread of the pool.
  void (*run)(pool_job&) noexcept = nullptr;
  /// Says so, on the same thread, which is free for other jobs by then and does not touch
  /// the job any more.
  void (*finished)(pool_job&) noexcept = nullptr;
  pool_job* previous = nullptr;
  pool_job* next = nullptr;
  bool queued = false;
  /// One of a kind that may have half of the threads at most, so that others get theirs.
  bool limited = false;
  std::chrono::steady_clock::time_point since{};
};

/// Threads are started when there is more to do than threads that are idle, and end when
/// they were idle for a while, or when the last scheduler that has used them ends.
/// Signals never reach them. Any thread.
class thread_pool {
 public:
  /// Never destroyed: threads that were left behind may come back to it at any time.
  static thread_pool& instance() noexcept;

  /// To be said by a scheduler before it submits anything. The pool is as large as the
  /// largest wish of those that use it. @param most threads; 0: as many as usual.
  void join(std::size_t most);
  /// To be said with the same number when none of its jobs is left, but for those that
  /// were abandoned. The last one sees to it that no idle thread is left.
  void leave(std::size_t most) noexcept;

  /// Puts a job at the end of the queue.
  /// @throws std::system_error or std::bad_alloc if there is no thread for it, and none
  /// can be started. Then it is still the caller's.
  void submit(pool_job& job);
  /// @returns whether the job had not begun, and is the caller's again.
  [[nodiscard]] bool withdraw(pool_job& job) noexcept;

  [[nodiscard]] blocking_stats figures() noexcept;

 private:
  struct worker;

  [[nodiscard]] std::size_t most() const noexcept;
  void add_worker();
  void work(worker& self) noexcept;
  void do_first(worker& self, std::unique_lock<std::mutex>& hold) noexcept;
  [[nodiscard]] std::size_t most_limited() const noexcept;
  [[nodiscard]] bool has_thread_for_limited() const noexcept;
  [[nodiscard]] std::size_t runnable() const noexcept;
  [[nodiscard]] pool_job* next_job() const noexcept;
  void remove_from_queue(pool_job& job) noexcept;
  void forget(worker& self) noexcept;

  std::mutex lock_;  ///< For all that follows.
  std::condition_variable more_to_do_;
  struct line {
    pool_job* first = nullptr;
    pool_job* last = nullptr;
    std::size_t length = 0;
  };
  line usual_;
  line limited_;
  std::size_t limited_running_ = 0;
  std::vector<std::unique_ptr<worker>> workers_;
  std::size_t busy_ = 0;  ///< How many of them run a job.
  std::chrono::nanoseconds longest_wait_{};
  std::vector<std::size_t> wishes_;  ///< One for each scheduler.
};

}  // namespace motet::detail
