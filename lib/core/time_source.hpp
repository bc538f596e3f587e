// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The scheduler's clock: the backend's time, read cheaply.

#include "backend/backend.hpp"

#include <motet/time.hpp>

#include <cstdint>

namespace motet::detail {

/// Monotonic time of this machine; what `clock::now` is outside of schedulers.
[[nodiscard]] time_point machine_time() noexcept;

class time_source {
 public:
  explicit time_source(const backend& kernel) noexcept;

  /// The time. Costs a call into the vDSO (some 20 ns).
  [[nodiscard]] time_point now() const noexcept {
    return simulated_ ? kernel_.now() : machine_time();
  }

  /// A time that is not before the true one and exceeds it by at most 0.1 % of the time
  /// since `correct`: what deadlines are counted from, so that nothing fires early. Costs
  /// reading the time-stamp counter (some 10 ns) where that can be relied on.
  [[nodiscard]] time_point not_before_now() noexcept {
#if defined(__x86_64__)
    if (ns_per_tick_ != 0) {
      const std::uint64_t ticks = __builtin_ia32_rdtsc() - base_ticks_;
      if (ticks < correct_after_) [[likely]] {
        const auto ns = static_cast<std::int64_t>((ticks * ns_per_tick_) >> 32U);
        return base_ + duration(ns + (ns >> 10) + margin);
      }
      correct();
      return base_ + duration(margin);
    }
#endif
    return now();
  }

  /// The time that `correct` read last: older than now by what the turn took so far.
  [[nodiscard]] time_point of_turn() const noexcept {
    return base_;
  }

  /// Reads the true time. The scheduler does this once per turn.
  time_point correct() noexcept;

 private:
  /// Reading the counter may be reordered with what stands before it in the program.
  static constexpr std::int64_t margin = 100;

  const backend& kernel_;
  const bool simulated_;
  std::uint64_t ns_per_tick_ = 0;  ///< Times 2^32; 0: the counter is not used.
  std::uint64_t base_ticks_ = 0;
  std::uint64_t correct_after_ = 0;  ///< In ticks since the base.
  time_point base_{};
};

}  // namespace motet::detail
