// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a parked fiber waits for, and how to make it stop waiting.

#include <motet/call_site.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/time.hpp>

namespace motet::detail {

struct fiber_state;

/// Lives on the parked fiber's stack.
struct waiter {
  /// Ends the wait early: unparks the fiber now, or sees to it that something does soon.
  /// Not called again, unless it has put `aborted` back: then what was waited for is here
  /// already. Null: this wait cannot be cut short.
  void (*abort)(waiter&) noexcept = nullptr;
  /// For people: "sleep", "receive".
  const char* what = "";
  /// The point that waits, in the user's source. Line 0: not known.
  call_site where;
  /// When it parked: the time of that turn, as reading the clock would cost too much.
  time_point since;
  fiber_state* fiber = nullptr;
  bool aborted = false;
};

/// A place in a wait queue.
struct queue_waiter : waiter {
  queue_waiter* previous = nullptr;
  queue_waiter* next = nullptr;
  wait_queue* queue = nullptr;  ///< Null once it was taken out.
  /// What is done when its turn has come. Null: the fiber is unparked.
  void (*taken)(queue_waiter&) noexcept = nullptr;
};

inline void wait_queue::push(queue_waiter& w) noexcept {
  w.queue = this;
  w.previous = last;
  w.next = nullptr;
  (last != nullptr ? last->next : first) = &w;
  last = &w;
}

inline void wait_queue::remove(queue_waiter& w) noexcept {
  (w.previous != nullptr ? w.previous->next : first) = w.next;
  (w.next != nullptr ? w.next->previous : last) = w.previous;
  w.queue = nullptr;
}

}  // namespace motet::detail
