// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// One fiber at a time.
///
///     mutex m;
///     const std::lock_guard held(m);   // a point: a fiber that is stopped does not wait
///
/// Between two points nobody else runs on a thread: a mutex is for what is held across a
/// point, and for what fibers of several threads use. A `std::mutex` would stop the
/// thread, with all its fibers.

#include <motet/call_site.hpp>
#include <motet/detail/deadline_in.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/time.hpp>

namespace motet {

namespace detail {
class holding;
}

/// Works with `std::lock_guard`, `std::unique_lock` and `std::scoped_lock`. Fibers get it
/// in the order in which they ask, whatever their threads. It is handed on: whoever is
/// next in line has it before it runs, so that no newcomer takes it meanwhile; one that
/// is stopped after that has it still, and returns from `lock`.
///
/// Any thread; what may park, in fibers only. It may be destroyed by who has unlocked it,
/// if nobody waits.
class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex() = default;

  /// Parks until it is one's own. @throws deadlock_error if it is already;
  /// structure_error outside of fibers. Cancellation point.
  void lock(call_site where = call_site::here());
  /// As above, but no request to stop cuts the wait short. Parks in a shield.
  void lock_shielded(call_site where = call_site::here());
  /// @returns whether it was free, and is one's own now. Who holds it need not be a
  /// fiber: any thread may try.
  bool try_lock() noexcept;

  /// As `lock`, for `span` at most. @returns whether it is one's own now. Cancellation
  /// point.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> span,
                    call_site where = call_site::here()) {
    return try_lock_until(detail::deadline_in(detail::saturate(span)), where);
  }
  /// As above, until `when`. Cancellation point.
  bool try_lock_until(time_point when, call_site where = call_site::here());

  /// Gives it to the next in line. To be called by who holds it.
  void unlock() noexcept;

 private:
  friend class detail::holding;

  // What it is, for people: "a turn at a once".
  void lock_as(const char* what, call_site where);
  bool lock_until(time_point when, const char* what, call_site where);
  bool lock_at_once() noexcept;
  bool take(const void* self) noexcept;
  void hand_on() noexcept;

  detail::gate gate_;
  const void* holder_ = nullptr;  ///< Who it is the own of; null: free.
  detail::wait_queue waiting_;
};

}  // namespace motet
