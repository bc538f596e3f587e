// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A place in line before a lock or its like, which may be given up when time runs out.

#include "lib/core/shared_wait.hpp"

#include <motet/detail/cancel_scope.hpp>
#include <motet/time.hpp>

namespace motet::detail {

/// Lives on the stack of the fiber that waits, which makes and destroys it.
struct place : shared_waiter, private timer {
  /// Told, with the gate held, that the place was given up: takes out those behind who
  /// need not wait any more, to be woken. Null: nobody gains by that.
  void (*left)(place&, wait_queue& taken) noexcept = nullptr;

  place(scheduler& s, gate& guards, const char* waits_for, call_site at) noexcept;
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() {
    if (armed()) this_scheduler->timers().remove(*this);
  }

  /// The wait will end by itself at `when`. Not with the gate held: it may allocate.
  void give_up_at(time_point when);

  /// Goes to the end of `queue`, whose gate is held, leaves the gate, and parks. Throws
  /// if the wait was cut short. @returns whether it was taken out before time ran out.
  bool wait_in(wait_queue& queue);
  /// Whether time ran out before it was taken out.
  [[nodiscard]] bool late() const noexcept { return late_; }

 private:
  static void on_abort(waiter& how) noexcept;
  static void on_expired(timer& t) noexcept;
  bool leave() noexcept;

  bool late_ = false;
};

/// Who could hold a lock: the fiber, or a thread that runs none, by an address of its.
[[nodiscard]] inline const void* myself() noexcept {
  if (this_scheduler == nullptr) return &this_scheduler;
  return &this_scheduler->running();
}

/// Moves the first of `queue`, whose gate is held, to those who will be woken.
inline void take_along(wait_queue& queue, wait_queue& taken) noexcept {
  shared_waiter& w = take_first(queue);
  taken.push(w);
  w.queue = nullptr;
}

}  // namespace motet::detail
