// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/sync/place.hpp"

#include <motet/detail/holding.hpp>
#include <motet/error.hpp>
#include <motet/mutex.hpp>
#include <motet/shield.hpp>

#include <mutex>
#include <string>

namespace motet {

namespace detail {

void pass_point(const char* what, call_site where) {
  enter_point(here(what), where);
}

}  // namespace detail

inline bool mutex::take(const void* self) noexcept {
  if (holder_ != nullptr) [[unlikely]] {
    return false;
  }
  holder_ = self;
  return true;
}

[[gnu::noinline]] bool mutex::lock_until(time_point when, const char* what,
                                         call_site where) {
  detail::scheduler& s = detail::here(what);
  const detail::fiber_state& self = detail::enter_point(s, where);
  {
    const std::lock_guard guarded(gate_);
    if (take(&self)) return true;
  }
  detail::place how(s, gate_, what, where);
  how.give_up_at(when);
  gate_.lock();
  if (take(&self)) {  // given back since we looked
    gate_.unlock();
    return true;
  }
  if (holder_ == &self) {
    gate_.unlock();
    throw deadlock_error(std::string("waits for ") + what + ", which it has already");
  }
  return how.wait_in(waiting_);
}

// Who finds it free makes no frame: with one, all of this would take twice the time.
inline bool mutex::lock_at_once() noexcept {
  const detail::fiber_state* const self = detail::enter_at_once();
  if (self == nullptr || !__libc_single_threaded || !take(self)) [[unlikely]] {
    return false;
  }
  return true;
}

void mutex::lock_as(const char* what, call_site where) {
  if (lock_at_once()) [[likely]] {
    return;
  }
  lock_until(time_point::max(), what, where);
}

void mutex::lock(call_site where) {
  if (lock_at_once()) [[likely]] {
    return;
  }
  lock_until(time_point::max(), "a mutex", where);
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
  const bool taken = take(self);
  gate_.unlock();
  return taken;
}

void mutex::unlock() noexcept {
  // A lock is given back by who took it, though nothing here would break otherwise.
  MOTET_EXPECT(holder_ == detail::myself());
  if (__libc_single_threaded && waiting_.empty()) [[likely]] {
    holder_ = nullptr;
    return;
  }
  hand_on();
}

[[gnu::noinline]] void mutex::hand_on() noexcept {
  gate_.lock();
  if (waiting_.empty()) {
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
