// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/sync/place.hpp"

#include <motet/error.hpp>
#include <motet/shared_mutex.hpp>

#include <mutex>

namespace motet {

struct shared_mutex::place : detail::place {
  shared_mutex& of;
  const kind as;

  place(detail::scheduler& s, shared_mutex& o, kind how, call_site at) noexcept
      : detail::place(s, o.gate_, how == kind::writer ? "a shared mutex" : what_is_shared,
                      at),
        of(o),
        as(how) {
    left = [](detail::place& self, detail::wait_queue& others) noexcept {
      static_cast<place&>(self).of.admit(others);
    };
  }

  static constexpr const char* what_is_shared = "a share of a shared mutex";
};

bool shared_mutex::take(kind how, const void* self) noexcept {
  if (writer_ != nullptr || !waiting_.empty()) return false;
  if (how == kind::reader) {
    ++readers_;
    return true;
  }
  if (readers_ != 0) return false;
  writer_ = self;
  return true;
}

void shared_mutex::admit(detail::wait_queue& taken) noexcept {
  while (!waiting_.empty() && writer_ == nullptr) {
    const auto& next = static_cast<place&>(*waiting_.first);
    if (next.as == kind::reader) {
      ++readers_;
    } else if (readers_ == 0) {
      writer_ = &next.whose;
    } else {
      return;
    }
    take_along(waiting_, taken);
  }
}

bool shared_mutex::lock_before(time_point when, kind as, call_site where) {
  detail::scheduler& s = detail::here("a shared mutex");
  const detail::fiber_state& self = enter_point(s, where);
  gate_.lock();
  const bool at_once = take(as, &self);
  const bool own = writer_ == &self;
  gate_.unlock();
  if (at_once) return true;
  if (own) throw deadlock_error("waits for a shared mutex, which it has already");
  place how(s, *this, as, where);
  how.give_up_at(when);
  gate_.lock();
  if (take(as, &self)) {
    gate_.unlock();
    return true;
  }
  return how.wait_in(waiting_);
}

bool shared_mutex::try_lock() noexcept {
  const void* const self = detail::myself();
  const std::lock_guard guarded(gate_);
  return take(kind::writer, self);
}

bool shared_mutex::try_lock_shared() noexcept {
  const std::lock_guard guarded(gate_);
  return take(kind::reader, nullptr);
}

void shared_mutex::unlock() noexcept {
  gate_.lock();
  MOTET_EXPECT(writer_ == detail::myself());
  writer_ = nullptr;
  hand_on();
}

void shared_mutex::unlock_shared() noexcept {
  gate_.lock();
  MOTET_EXPECT(readers_ != 0);
  --readers_;
  hand_on();
}

void shared_mutex::hand_on() noexcept {
  detail::wait_queue taken;
  admit(taken);
  gate_.unlock();
  wake_taken(taken);
}

}  // namespace motet
