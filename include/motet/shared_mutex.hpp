// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// One fiber that changes something, or any number that look at it.
///
///     shared_mutex m;
///     const std::shared_lock looks(m);

#include <motet/call_site.hpp>
#include <motet/detail/deadline_in.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/time.hpp>

#include <cstddef>

namespace motet {

/// As a mutex, but several may have it shared. Strictly in the order in which they ask:
/// readers do not overtake a writer that waits, nor the other way round, so that neither
/// starves; readers that follow each other go in together. A writer that is stopped while
/// waiting does not hold up the readers behind it any more. It is handed on, as a mutex.
///
/// A fiber that has it shared and asks for it again may wait for itself, if a writer came
/// in between. Any thread; what may park, in fibers only.
class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;
  ~shared_mutex() = default;

  /// Parks until it is one's own. @throws deadlock_error if it is already. Cancellation
  /// point.
  void lock(call_site where = call_site::here()) {
    lock_before(time_point::max(), kind::writer, where);
  }
  /// As above, for `span` at most. @returns whether it is one's own now. Cancellation
  /// point.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> span,
                    call_site where = call_site::here()) {
    return try_lock_until(detail::deadline_in(detail::saturate(span)), where);
  }
  /// As above, until `when`. Cancellation point.
  bool try_lock_until(time_point when, call_site where = call_site::here()) {
    return lock_before(when, kind::writer, where);
  }
  /// @returns whether nobody had it, and it is one's own now.
  bool try_lock() noexcept;
  /// Gives it to the next in line. To be called by who has it.
  void unlock() noexcept;

  /// Parks until no writer has it or stands in line before. @throws deadlock_error if it
  /// is one's own. Cancellation point.
  void lock_shared(call_site where = call_site::here()) {
    lock_before(time_point::max(), kind::reader, where);
  }
  /// As above, for `span` at most. @returns whether one has it now. Cancellation point.
  template <class Rep, class Period>
  bool try_lock_shared_for(std::chrono::duration<Rep, Period> span,
                           call_site where = call_site::here()) {
    return try_lock_shared_until(detail::deadline_in(detail::saturate(span)), where);
  }
  /// As above, until `when`. Cancellation point.
  bool try_lock_shared_until(time_point when, call_site where = call_site::here()) {
    return lock_before(when, kind::reader, where);
  }
  /// @returns whether no writer had it or waited for it, and one has it now.
  bool try_lock_shared() noexcept;
  /// Gives a share back.
  void unlock_shared() noexcept;

 private:
  enum class kind : bool { reader, writer };
  struct place;

  bool lock_before(time_point when, kind how, call_site where);
  bool take(kind how, const void* self) noexcept;
  void admit(detail::wait_queue& taken) noexcept;
  void hand_on() noexcept;

  detail::gate gate_;
  const void* writer_ = nullptr;
  std::size_t readers_ = 0;
  detail::wait_queue waiting_;
};

}  // namespace motet
