// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// One fiber at a time: what everything is built on that only one may be in.

#include <motet/call_site.hpp>
#include <motet/detail/wait_queue.hpp>

namespace motet::detail {

struct fiber_state;

/// Fibers of one thread get it in the order in which they ask. It is handed on: whoever
/// is next in line has it before it runs, so that no newcomer takes it meanwhile, and one
/// that is cancelled after that has it still.
class fiber_lock {
 public:
  constexpr fiber_lock() noexcept = default;
  fiber_lock(const fiber_lock&) = delete;
  fiber_lock& operator=(const fiber_lock&) = delete;
  ~fiber_lock() = default;

  /// Parks until it is free. @param what it is, for people: "a turn at a once".
  /// @throws deadlock_error if the fiber has it already; structure_error outside of
  /// fibers and if fibers of another thread have it. Cancellation point.
  void lock(const char* what, call_site where);
  /// Gives it to the next in line. Never parks.
  void unlock() noexcept;

 private:
  fiber_state* holder_ = nullptr;
  wait_queue waiting_;
};

/// Has the lock while it lives.
class holding {
 public:
  holding(fiber_lock& lock, const char* what, call_site where) : lock_(lock) {
    lock_.lock(what, where);
  }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;
  ~holding() { lock_.unlock(); }

 private:
  fiber_lock& lock_;
};

/// A point that does nothing but look, for calls that do not need to park this time.
void pass_point(const char* what, call_site where);

}  // namespace motet::detail
