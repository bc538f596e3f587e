// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Not too often.

#include <motet/call_site.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/detail/wait_queue.hpp>
#include <motet/time.hpp>

#include <type_traits>

namespace motet {

namespace detail {

template <class N>
concept number = std::is_arithmetic_v<N>;

/// The time between two of so many per second.
[[nodiscard]] duration step_of_rate(double rate);

}  // namespace detail

/// Lets no more than so many per second through, evenly spaced, first come, first served:
/// `throttle requests{10}; for (...) requests([&] { ask(...); });`. The first need not
/// wait; what is not used is not saved up. Who is cancelled while waiting takes nothing:
/// those behind move up.
/// Same thread only. Has to outlive those who wait.
class throttle {
 public:
  /// @param rate per second; may be a fraction. @throws structure_error if not positive.
  template <detail::number Rate>
  explicit throttle(Rate rate) : step_(detail::step_of_rate(static_cast<double>(rate))) {}
  throttle(const throttle&) = delete;
  throttle& operator=(const throttle&) = delete;
  ~throttle();

  /// Parks until it is one's turn. Cancellation point.
  void wait(call_site where = call_site::here());

  /// As above, then calls `f`. @returns what `f` returns. Cancellation point.
  template <class F>
  decltype(auto) operator()(F&& f, call_site where = call_site::here()) {
    wait(where);
    return detail::invoke(f);
  }

 private:
  struct place;

  void arm_first() noexcept;

  duration step_;
  time_point next_ = time_point::min();  ///< When the next one may pass.
  detail::wait_queue queue_;             ///< The first of them has a timer.
};

}  // namespace motet
