// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting, without a mutex, until what it guards has changed.
///
///     std::unique_lock lock(m);
///     changed.wait(lock, [&] { return !jobs.empty(); });

#include <motet/call_site.hpp>
#include <motet/detail/deadline_in.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/holding.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/mutex.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <mutex>
#include <type_traits>

namespace motet {

/// How a wait with a limit ended. Compares with a std::cv_status, too.
enum class cv_status : std::uint8_t { no_timeout, timeout };

namespace detail {
template <class Status>
concept foreign_cv_status =
    !std::is_same_v<Status, cv_status> && std::is_enum_v<Status> && requires {
  Status::no_timeout;
  Status::timeout;
};
}  // namespace detail
template <detail::foreign_cv_status Status>
[[nodiscard]] constexpr bool operator==(cv_status a, Status b) noexcept {
  return (a == cv_status::timeout) == (b == Status::timeout);
}

/// As a `std::condition_variable`, but for fibers, who are notified in the order in which
/// they came. However a wait ends, its fiber holds the mutex again, for which it waits in
/// a shield if need be. A notification is never lost: who was notified and is stopped
/// after that returns from `wait`; who was stopped before does not take one. Nobody is
/// woken without a reason.
///
/// Any thread; `wait` in fibers only. It may be destroyed once all waits have returned.
class condition {
 public:
  constexpr condition() noexcept = default;
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition() = default;

  /// Unlocks, parks until notified, locks again. @throws structure_error if `lock` does
  /// not hold its mutex; deadlock_error if nobody will ever give that back: then, alone,
  /// it is not held. Cancellation point.
  void wait(std::unique_lock<mutex>& lock, call_site where = call_site::here()) {
    wait_before(lock, time_point::max(), where);
  }
  /// As above, for `span` at most. Cancellation point.
  template <class Rep, class Period>
  cv_status wait_for(std::unique_lock<mutex>& lock,
                     std::chrono::duration<Rep, Period> span,
                     call_site where = call_site::here()) {
    return wait_until(lock, detail::deadline_in(detail::saturate(span)), where);
  }
  /// As above, until `when`. Cancellation point.
  cv_status wait_until(std::unique_lock<mutex>& lock, time_point when,
                       call_site where = call_site::here()) {
    return wait_before(lock, when, where) ? cv_status::no_timeout : cv_status::timeout;
  }

  /// Waits until `wanted()`, which is called with the mutex held. Cancellation point.
  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate wanted,
            call_site where = call_site::here()) {
    wait_until(lock, time_point::max(), wanted, where);
  }
  /// As above, for `span` at most. @returns what `wanted` returned last. Cancellation
  /// point.
  template <class Rep, class Period, class Predicate>
  bool wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> span,
                Predicate wanted, call_site where = call_site::here()) {
    return wait_until(lock, detail::deadline_in(detail::saturate(span)), wanted, where);
  }
  /// As above, until `when`. Cancellation point.
  template <class Predicate>
  bool wait_until(std::unique_lock<mutex>& lock, time_point when, Predicate wanted,
                  call_site where = call_site::here()) {
    detail::pass_point("condition::wait", where);
    while (!wanted()) {
      if (!wait_before(lock, when, where)) return wanted();
    }
    return true;
  }

  /// Wakes the one that has waited longest, if any; the mutex need not be held.
  void notify_one() noexcept;
  /// Wakes all who wait.
  void notify_all() noexcept;

 private:
  bool wait_before(std::unique_lock<mutex>& lock, time_point when, call_site where);

  detail::gate gate_;
  detail::wait_queue waiting_;
};

}  // namespace motet
