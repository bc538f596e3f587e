// SPDX-License-Identifier: MIT
#include "lib/sync/place.hpp"

#include <motet/condition.hpp>
#include <motet/error.hpp>

#include <mutex>

namespace motet {

bool condition::wait_before(std::unique_lock<mutex>& lock, time_point when,
                            call_site where) {
  detail::scheduler& s = detail::here("condition::wait");
  enter_point(s, where);
  if (!lock.owns_lock()) {
    throw structure_error("condition::wait with a lock that does not hold its mutex");
  }
  detail::place how(s, gate_, "a condition", where);
  how.give_up_at(when);
  {
    const std::lock_guard guarded(gate_);
    waiting_.push(how);
  }
  // In line before it unlocks: what changes from now on, it is told of.
  mutex& held = *lock.release();
  held.unlock();
  // What cut it short is thrown when it has the mutex again.
  s.park(how, &detail::disturb_if_masked);
  held.lock_shielded(where);
  lock = std::unique_lock(held, std::adopt_lock);
  if (how.aborted) detail::deliver_after_abort(s, where);
  return !how.late();
}

void condition::notify_one() noexcept {
  gate_.lock();
  if (waiting_.empty()) return gate_.unlock();
  detail::shared_waiter& first = detail::take_first(waiting_);
  gate_.unlock();
  detail::wake(first);
}

void condition::notify_all() noexcept {
  gate_.lock();
  const detail::wait_queue taken = detail::take_all(waiting_);
  gate_.unlock();
  detail::wake_taken(taken);
}

}  // namespace motet
