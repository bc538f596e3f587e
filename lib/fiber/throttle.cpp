// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/expect.hpp"

#include <motet/error.hpp>
#include <motet/throttle.hpp>

#include <algorithm>
#include <chrono>

namespace motet {

using detail::this_scheduler;

duration detail::step_of_rate(double rate) {
  if (!(rate > 0)) throw structure_error("a rate has to be positive");
  return std::max(saturate(std::chrono::duration<double>(1 / rate)), duration(1));
}

/// One who waits. Only the first is in the timer heap, too.
struct throttle::place : detail::queue_waiter, detail::timer {
  throttle* owner = nullptr;

  /// From its turn on, not from now: however late timers are, that does not add up.
  void pass() noexcept {
    const time_point now = this_scheduler->time().now();
    const time_point after = detail::add_saturated(deadline, owner->step_);
    owner->next_ = after > now ? after : detail::add_saturated(now, owner->step_);
    leave();
  }

  void leave() noexcept {
    if (armed()) this_scheduler->timers().remove(*this);
    owner->queue_.remove(*this);
    owner->arm_first();
    this_scheduler->unpark(*fiber);
  }
};

throttle::~throttle() {
  MOTET_EXPECT(queue_.empty());
}

void throttle::arm_first() noexcept {
  if (queue_.empty()) return;
  auto& first = static_cast<place&>(*queue_.first);
  if (first.armed()) return;
  first.deadline = next_;
  this_scheduler->timers().add(first, detail::timer_heap::rank::sleeper);
}

void throttle::wait(call_site where) {
  detail::scheduler& s = detail::here("throttle");
  detail::fiber_state& self = enter_point(s, where);
  const time_point now = s.time().now();
  if (queue_.empty() && now >= next_) {
    next_ = detail::add_saturated(now, step_);
    return;
  }
  place how;
  how.owner = this;
  how.fiber = &self;
  how.what = "its turn in a throttle";
  how.where = where;
  how.abort = [](detail::waiter& w) noexcept { static_cast<place&>(w).leave(); };
  how.expired = [](detail::timer& t) noexcept { static_cast<place&>(t).pass(); };
  if (queue_.empty()) {  // here, as it may throw
    how.deadline = next_;
    s.timers().add(how, detail::timer_heap::rank::sleeper);
  }
  queue_.push(how);
  park(s, how);
}

}  // namespace motet
