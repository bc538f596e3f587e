// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/sync/place.hpp"

#include <motet/detail/holding.hpp>
#include <motet/error.hpp>
#include <motet/mutex.hpp>
#include <motet/shield.hpp>

#include <string>

namespace motet {

namespace detail {

void pass_point(const char* what, call_site where) {
  enter_point(here(what), where);
}

}  // namespace detail

inline bool mutex::lock_until(time_point when, const char* what, call_site where) {
  const detail::fiber_state& self = detail::enter_point(detail::here(what), where);
  gate_.lock();
  if (holder_ == nullptr) [[likely]] {
    holder_ = &self;
    gate_.unlock();
    return true;
  }
  gate_.unlock();
  return wait(when, what, where);
}

[[gnu::noinline]] bool mutex::wait(time_point when, const char* what, call_site where) {
  detail::place how(*detail::this_scheduler, gate_, what, where);
  how.give_up_at(when);
  gate_.lock();
  if (holder_ == nullptr) {  // since we looked
    holder_ = &how.whose;
    gate_.unlock();
    return true;
  }
  if (holder_ == &how.whose) {
    gate_.unlock();
    throw deadlock_error(std::string("waits for ") + what + ", which it has already");
  }
  return how.wait_in(waiting_);
}

void mutex::lock(call_site where) {
  lock_until(time_point::max(), "a mutex", where);
}

void mutex::lock_as(const char* what, call_site where) {
  lock_until(time_point::max(), what, where);
}

void mutex::lock_shielded(call_site where) {
  shield([&] { lock_until(time_point::max(), "a mutex", where); });
}

bool mutex::try_lock_until(time_point when, call_site where) {
  return lock_until(when, "a mutex", where);
}

bool mutex::try_lock() noexcept {
  const void* const self = detail::myself();
  gate_.lock();
  const bool free = holder_ == nullptr;
  if (free) holder_ = self;
  gate_.unlock();
  return free;
}

void mutex::unlock() noexcept {
  gate_.lock();
  // A lock is given back by who took it, though nothing here would break otherwise.
  MOTET_EXPECT(holder_ == detail::myself());
  if (waiting_.empty()) [[likely]] {
    holder_ = nullptr;
    gate_.unlock();
    return;
  }
  detail::shared_waiter& next = detail::take_first(waiting_);
  holder_ = &next.whose;
  gate_.unlock();
  detail::wake(next);
}

}  // namespace motet
