// SPDX-License-Identifier: MIT
#include "lib/core/shared_wait.hpp"

#include <motet/event.hpp>

#include <mutex>

namespace motet {

void event::wait(call_site where) {
  detail::scheduler& s = detail::here("event::wait");
  enter_point(s, where);
  // Never without the gate: who sets it may be in there still, and we free it.
  gate_.lock();
  if (set_) return gate_.unlock();
  detail::shared_waiter how(s, gate_, "an event", where);
  detail::wait_behind(s, waiting_, how);
}

void event::set() noexcept {
  gate_.lock();
  set_ = true;
  const detail::wait_queue taken = detail::take_all(waiting_);
  gate_.unlock();
  detail::wake_taken(taken);
}

void event::reset() noexcept {
  const std::lock_guard guarded(gate_);
  set_ = false;
}

bool event::is_set() const noexcept {
  const std::lock_guard guarded(gate_);
  return set_;
}

}  // namespace motet
