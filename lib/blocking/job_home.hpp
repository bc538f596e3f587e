// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a scheduler knows of the jobs that its fibers have given to the pool.

#include "lib/core/remote_queue.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>

namespace motet::detail {

struct job;
class scheduler;
struct waiter;

/// How jobs reach the scheduler they come from; not another one that has its door later.
/// Any thread.
class job_door {
 public:
  explicit job_door(remote_queue& to) noexcept : door_(&to) {}

  /// @returns false if the scheduler has ended; then the task is still the caller's.
  bool post(remote_task& task) noexcept {
    const std::scoped_lock hold(lock_);
    return door_ != nullptr && door_->post(task);
  }
  void close() noexcept {
    const std::scoped_lock hold(lock_);
    door_ = nullptr;
  }

  void add_user() noexcept { users_.fetch_add(1, std::memory_order_relaxed); }
  void drop_user() noexcept {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  std::mutex lock_;
  remote_queue* door_;
  std::atomic<unsigned> users_{1};
};

/// Part of each run, as long as there are fibers. Same thread only.
class job_home {
 public:
  /// @param most threads that the pool may have on behalf of this scheduler; 0: as many
  /// as usual.
  job_home(scheduler& s, std::size_t most) noexcept;
  job_home(const job_home&) = delete;
  job_home& operator=(const job_home&) = delete;
  /// No fiber waits for a job any more.
  ~job_home();

  /// The home of this thread's scheduler.
  [[nodiscard]] static job_home& here() noexcept;

  /// The door for a job that is about to be submitted.
  [[nodiscard]] job_door& door();

  /// Keeps account of jobs that run on after their fiber has gone.
  void add_abandoned(job& j) noexcept;
  /// One of them has ended; if that run has ended before, nobody knows it any more.
  static void forget_abandoned(job& j) noexcept;
  /// Parks the main fiber until they have ended, or for as long as they get.
  void wait_for_abandoned() noexcept;
  /// They get no more time.
  void end_grace() noexcept;

 private:
  void remove_abandoned(job& j) noexcept;
  void tell_of_abandoned() const noexcept;

  scheduler& scheduler_;
  const std::size_t most_;
  job_door* door_ = nullptr;  ///< Null as long as there was no job.
  job* first_abandoned_ = nullptr;
  waiter* ending_ = nullptr;  ///< The main fiber's, while it waits for them.
};

}  // namespace motet::detail
