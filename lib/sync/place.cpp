// SPDX-License-Identifier: MIT
#include "lib/sync/place.hpp"

#include <motet/detail/deadline_in.hpp>

#include <mutex>

namespace motet::detail {

time_point deadline_in(duration span) {
  return add_saturated(here("a wait").time().not_before_now(), span);
}

place::place(scheduler& s, gate& guards, const char* waits_for, call_site at) noexcept
    : shared_waiter(s, guards, waits_for, at) {
  abort = &on_abort;
  expired = &on_expired;
}

void place::give_up_at(time_point when) {
  if (when == time_point::max()) return;
  deadline = when;
  this_scheduler->timers().add(*this, timer_heap::rank::sleeper);
}

bool place::wait_in(wait_queue& in) {
  in.push(*this);
  guard.unlock();
  park(*this_scheduler, *this);
  return !late_;
}

bool place::leave() noexcept {
  wait_queue others;
  {
    const std::lock_guard guarded(guard);
    if (queue == nullptr) return false;
    queue->remove(*this);
    if (left != nullptr) left(*this, others);
  }
  this_scheduler->unpark(whose);
  wake_taken(others);
  return true;
}

void place::on_abort(waiter& how) noexcept {
  auto& self = static_cast<place&>(how);
  if (self.leave()) return;
  self.aborted = false;
  self.whose.deadlocked = false;
}

void place::on_expired(timer& t) noexcept {
  auto& self = static_cast<place&>(t);
  self.late_ = true;
  if (!self.leave()) self.late_ = false;
}

}  // namespace motet::detail
