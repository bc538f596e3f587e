// SPDX-License-Identifier: MIT
#include "lib/sync/place.hpp"

#include <motet/semaphore.hpp>

#include <mutex>

namespace motet {

struct semaphore::place : detail::place {
  semaphore& of;
  std::size_t wants;

  place(detail::scheduler& s, semaphore& o, std::size_t n, const char* waits_for,
        call_site at) noexcept
      : detail::place(s, o.gate_, waits_for, at), of(o), wants(n) {
    left = [](detail::place& how, detail::wait_queue& others) noexcept {
      semaphore& mine = static_cast<place&>(how).of;
      --mine.line_;
      mine.admit(others);
    };
  }
};

bool semaphore::take(std::size_t n) noexcept {
  if (!waiting_.empty() || free_ < n) return false;
  free_ -= n;
  return true;
}

void semaphore::admit(detail::wait_queue& taken) noexcept {
  while (!waiting_.empty()) {
    const std::size_t wants = static_cast<place&>(*waiting_.first).wants;
    if (wants > free_) break;
    free_ -= wants;
    --line_;
    take_along(waiting_, taken);
  }
}

bool semaphore::acquire_before(time_point when, std::size_t n, const char* what,
                               call_site where) {
  detail::scheduler& s = detail::here(what);
  enter_point(s, where);
  if (try_acquire(n)) return true;
  place how(s, *this, n, what, where);
  how.give_up_at(when);
  gate_.lock();
  if (take(n)) {
    gate_.unlock();
    return true;
  }
  ++line_;
  return how.wait_in(waiting_);
}

bool semaphore::try_acquire(std::size_t n) noexcept {
  const std::lock_guard guarded(gate_);
  return take(n);
}

void semaphore::release(std::size_t n) noexcept {
  detail::wait_queue taken;
  gate_.lock();
  free_ += n;
  if (!waiting_.empty()) admit(taken);
  gate_.unlock();
  wake_taken(taken);
}

std::size_t semaphore::available() const noexcept {
  const std::lock_guard guarded(gate_);
  return free_;
}

std::size_t semaphore::waiting() const noexcept {
  const std::lock_guard guarded(gate_);
  return line_;
}

}  // namespace motet
