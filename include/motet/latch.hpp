// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting until so many have arrived, once.

#include <motet/call_site.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>

#include <cstddef>

namespace motet {

/// As `std::latch`, for fibers. Any thread; what waits, in fibers only. It may be
/// destroyed as soon as all waits for it have returned.
class latch {
 public:
  /// @param expected how often it will be counted down.
  constexpr explicit latch(std::size_t expected) noexcept : left_(expected) {}
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;
  ~latch() = default;

  /// Counts down by `n`, which is at most what is left; at zero, wakes all who wait.
  void count_down(std::size_t n = 1) noexcept;
  /// Whether it is at zero.
  [[nodiscard]] bool try_wait() const noexcept;
  /// Parks until it is at zero. Cancellation point.
  void wait(call_site where = call_site::here());
  /// Counts down by `n`, then waits. Cancelled at entry, it has not counted down; while
  /// it waits, it has, and that is not taken back. Cancellation point.
  void arrive_and_wait(std::size_t n = 1, call_site where = call_site::here());

 private:
  mutable detail::gate gate_;
  std::size_t left_;
  detail::wait_queue waiting_;
};

}  // namespace motet
