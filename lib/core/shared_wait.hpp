// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for what fibers of several threads share.
///
/// A wait queue and the gate in front of it. Who waits has its place on its own stack.
/// Whoever takes it out, holding the gate, has decided how the wait ends; after leaving
/// the gate it wakes the fiber, by a task if that is another thread's. A fiber whose
/// place was taken is unparked by nothing else meanwhile, not by a request to stop.

#include "lib/core/cancel_tree.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/waiter.hpp"

#include <motet/detail/gate.hpp>

#include <sys/single_threaded.h>

namespace motet::detail {

/// Waits for somebody to leave: for an instant, unless that thread was put aside.
void await_gate(flag& held) noexcept;

inline void gate::lock() noexcept {
  // An atomic exchange costs more than all the rest of an uncontended lock.
  if (__libc_single_threaded) {
    held_.set_alone();
  } else if (held_.test_and_set()) [[unlikely]] {
    await_gate(held_);
  }
}

inline void gate::unlock() noexcept {
  held_.clear();
}

/// How a shared place is given up, unless somebody has taken it: then the wake-up is on
/// its way, and what the fiber waited for is its own.
void leave_shared_queue(waiter& how) noexcept;
/// What a wake-up does when it has come to the fiber's thread.
void arrive(remote_task& task) noexcept;

/// A place in a queue that a gate guards. To be made by the fiber that will wait.
struct shared_waiter : queue_waiter {
  gate& guard;
  /// As `fiber`, which is set anew when it parks: for other threads.
  fiber_state& whose;
  struct arrival_task : remote_task {
    shared_waiter* of = nullptr;
  } arrival;  ///< Brings the wake-up to the fiber's thread. Made by who wakes.

  shared_waiter(scheduler& s, gate& guards, const char* waits_for,
                call_site place) noexcept
      : guard(guards), whose(s.running()) {
    what = waits_for;
    where = place;
    abort = &leave_shared_queue;
    fiber = &whose;
  }
};

void wake_elsewhere(shared_waiter& w) noexcept;

/// Wakes the fiber of a place that was taken out of its queue. The gate is not held: the
/// place, and what it waited for, may be gone when this returns. Any thread.
inline void wake(shared_waiter& w) noexcept {
  if (is_local(w.whose)) [[likely]] {
    this_scheduler->unpark(w.whose);
  } else {
    wake_elsewhere(w);
  }
}

/// Takes the first out of a queue that is not empty. The gate is held.
[[nodiscard]] inline shared_waiter& take_first(wait_queue& queue) noexcept {
  auto& w = static_cast<shared_waiter&>(*queue.first);
  queue.first = w.next;
  (w.next != nullptr ? w.next->previous : queue.last) = nullptr;
  w.queue = nullptr;
  return w;
}

/// Takes all out of a queue, whose gate is held: `wake_taken` wakes them later.
[[nodiscard]] inline wait_queue take_all(wait_queue& queue) noexcept {
  const wait_queue taken = queue;
  for (queue_waiter* w = queue.first; w != nullptr; w = w->next)
    w->queue = nullptr;
  queue = {};
  return taken;
}
/// Wakes all, oldest first. The gate is not held.
void wake_taken(wait_queue taken) noexcept;

/// What a place stands in line for is about to be gone, and it was taken out: only a
/// request ends that wait, as usually one soon does. The gate is held. Same thread only.
void forsake(shared_waiter& w, const char* gone) noexcept;

/// Puts `how` at the end of `queue`, leaves the gate, and parks until it was taken out.
/// Throws if the wait was cut short before that.
template <class Waiter>
[[gnu::always_inline]] inline void wait_behind(scheduler& s, wait_queue& queue,
                                               Waiter& how) {
  queue.push(how);
  how.guard.unlock();
  park(s, how);
}

}  // namespace motet::detail
