// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Time as fibers see it.
///
/// All deadlines are points on one monotonic clock. Under `testing::run` that clock is
/// virtual: it stands still while fibers run and jumps when all of them are parked.

#include <motet/call_site.hpp>

#include <concepts>
#include <mutex>  // durations and time points, without the calendar of <chrono>
#include <ratio>

namespace motet {

// `using namespace motet` brings `5s` and `100ms` along.
using namespace std::chrono_literals;

/// The clock of the scheduler that runs on this thread. Elsewhere: the monotonic clock of
/// the machine. Never goes back. Any thread.
struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock>;
  static constexpr bool is_steady = true;

  /// The time now. Never parks.
  [[nodiscard]] static time_point now() noexcept;
};

using duration = clock::duration;
using time_point = clock::time_point;

namespace detail {

/// `start + span`, staying at the end of time instead of overflowing.
constexpr time_point add_saturated(time_point start, duration span) noexcept {
  if (span >= time_point::max() - start) return time_point::max();
  return start + span;
}

/// Any duration as ours. `hours::max()` and its like become `duration::max()`.
template <class Rep, class Period>
constexpr duration saturate(std::chrono::duration<Rep, Period> span) noexcept {
  using factor = std::ratio_divide<Period, duration::period>;
  constexpr bool fits = std::signed_integral<Rep> && sizeof(Rep) <= sizeof(duration::rep);
  if constexpr (fits && factor::den == 1) {
    constexpr duration::rep most = duration::max().count() / factor::num;
    const duration::rep count = span.count();
    if (count > most) return duration::max();
    if (count < -most) return duration::min();
    return duration(count * factor::num);
  } else {
    using wide = std::chrono::duration<long double, duration::period>;
    const wide exact = span;
    if (exact >= wide(duration::max())) return duration::max();
    if (exact <= wide(duration::min())) return duration::min();
    return std::chrono::duration_cast<duration>(span);
  }
}

void sleep_for(duration span, call_site where);
/// Looks for cancellation; then the first tick of a grid, which is now.
[[nodiscard]] time_point first_tick(call_site where);
/// The first tick after now of a grid on which `last` was one.
[[nodiscard]] time_point next_tick(time_point last, duration step);

}  // namespace detail

/// Parks for at least `span`. Not positive: looks for cancellation and returns.
/// Cancellation point.
template <class Rep, class Period>
void sleep(std::chrono::duration<Rep, Period> span, call_site where = call_site::here()) {
  detail::sleep_for(detail::saturate(span), where);
}

/// Write `sleep(1s)`: a bare number would silently mean seconds of POSIX `sleep`, which
/// stops the whole thread.
template <std::integral T>
void sleep(T) = delete;

/// Parks until `when` has come. Cancellation point.
void sleep_until(time_point when, call_site where = call_site::here());

/// Calls `f` now and then every `interval`, on a fixed grid: a tick that `f` was too busy
/// for is skipped. Ends only by cancellation or an exception of `f`. Cancellation point.
template <class Rep, class Period, class F>
[[noreturn]] void every(std::chrono::duration<Rep, Period> interval, F&& f,
                        call_site where = call_site::here()) {
  const duration step = detail::saturate(interval);
  time_point next = detail::first_tick(where);
  for (;;) {
    f();
    next = detail::next_tick(next, step);
    sleep_until(next, where);
  }
}

}  // namespace motet
