// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for the ends of several fibers at once, whichever threads are theirs.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/waiter.hpp"
#include "lib/fiber/errand.hpp"
#include "lib/fiber/wait_cycle.hpp"

#include <motet/detail/sure_allocator.hpp>

#include <cstddef>
#include <cstdint>
#include <list>

namespace motet::detail {

[[noreturn]] void refuse_null();

/// The fiber behind a handle. @throws structure_error if that is null.
[[nodiscard]] inline fiber_state& target_of(const fiber_handle& fiber) {
  if (fiber.get() == nullptr) [[unlikely]] {
    refuse_null();
  }
  return *fiber.get();
}

/// Throws if `self` is `target`, or `target` waits for it.
void refuse_to_wait_for_self(const fiber_state& self, const fiber_state& target);

/// Throws if it makes no sense for `self` to wait for `target`, which has not ended.
inline void check_waitable(const fiber_state& self, const fiber_state& target) {
  if (&self == &target || is_waited_for(self)) refuse_to_wait_for_self(self, target);
}

/// What such a wait is over with.
enum class until : std::uint8_t { all, failure, first };

/// The wait of a fiber until all have ended, or one of them fails, or the first ends.
class group_wait : waiter {
 public:
  group_wait(const fiber_ref* const* fibers, std::size_t count, until end) noexcept;
  group_wait(const group_wait&) = delete;
  group_wait& operator=(const group_wait&) = delete;
  /// Waits, if it has to, until nothing of it is on another thread any more.
  ~group_wait();

  /// A point, from its entry check on. Children's errors that were to be thrown into the
  /// fiber are its own to handle afterwards, where the wait was for them.
  void wait(scheduler& s, call_site point);
  /// The same where nothing may cut it short, and nothing is thrown.
  void wait_shielded(scheduler& s);

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] const fiber_handle& target(std::size_t i) const noexcept {
    return fibers_[i]->state_handle();
  }
  /// Which of them ended the wait early; `size()` if none did.
  [[nodiscard]] std::size_t decided_by() const noexcept { return decided_by_; }

 private:
  struct place : queue_waiter {
    group_wait* group = nullptr;
  };
  /// A place in the line of a fiber of another thread.
  class place_abroad;

  [[nodiscard]] bool over() const noexcept { return left_ == 0 || decided_by_ != count_; }
  void check_sense(const fiber_state& self) const;
  void watch();
  void watch(std::size_t i, fiber_state& target);
  void hear_of_end(std::size_t i) noexcept;
  void hear_from_abroad(std::size_t i) noexcept;
  void leave() noexcept;

  const fiber_ref* const* fibers_;
  std::size_t count_;
  until end_;
  // No memory is not a reason to stop waiting.
  sure_vector<place> places_;  ///< One for each of this thread.
  std::list<place_abroad, sure_allocator<place_abroad>> abroad_;  ///< For all others.
  std::size_t out_ = 0;   ///< How many of those are not back.
  std::size_t left_ = 0;  ///< How many fibers have not ended.
  std::size_t decided_by_;
  bool parked_ = false;
  bool closing_ = false;  ///< Only waits for those that are out.
};

}  // namespace motet::detail
