// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// So many at a time.
///
///     semaphore slots(10);
///     slots.acquire();
///     const finally back([&] { slots.release(); });

#include <motet/call_site.hpp>
#include <motet/detail/deadline_in.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/time.hpp>

#include <cstddef>

namespace motet {

namespace detail {
class pool_core;
}

/// Permits, which fibers take and give back, strictly in the order in which they ask: who
/// wants few does not overtake one that waits for many. One that is stopped while waiting
/// has taken nothing, and those behind it move up; one that was given its permits before
/// that has them, and returns. Nothing ties a permit to the fiber that took it.
///
/// Any thread; `acquire` in fibers only.
class semaphore {
 public:
  constexpr explicit semaphore(std::size_t permits) noexcept : free_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() = default;

  /// Takes `n` permits; parks until they are there. Cancellation point.
  void acquire(std::size_t n = 1, call_site where = call_site::here()) {
    acquire_before(time_point::max(), n, "a semaphore", where);
  }
  /// As above, for `span` at most. @returns whether it has them. Cancellation point.
  template <class Rep, class Period>
  bool try_acquire_for(std::chrono::duration<Rep, Period> span, std::size_t n = 1,
                       call_site where = call_site::here()) {
    return try_acquire_until(detail::deadline_in(detail::saturate(span)), n, where);
  }
  /// As above, until `when`. Cancellation point.
  bool try_acquire_until(time_point when, std::size_t n = 1,
                         call_site where = call_site::here()) {
    return acquire_before(when, n, "a semaphore", where);
  }
  /// Takes `n` permits if they are there and nobody waits. @returns whether it has.
  bool try_acquire(std::size_t n = 1) noexcept;
  /// Gives `n` permits, new ones or what was taken.
  void release(std::size_t n = 1) noexcept;

  /// How many permits there are that nobody has: some, too, while the first in line waits
  /// for more.
  [[nodiscard]] std::size_t available() const noexcept;
  /// How many wait.
  [[nodiscard]] std::size_t waiting() const noexcept;

 private:
  friend class detail::pool_core;
  struct place;

  bool acquire_before(time_point when, std::size_t n, const char* what, call_site where);
  bool take(std::size_t n) noexcept;
  void admit(detail::wait_queue& taken) noexcept;

  mutable detail::gate gate_;
  std::size_t free_;
  std::size_t line_ = 0;  ///< How long the queue is.
  detail::wait_queue waiting_;
};

}  // namespace motet
