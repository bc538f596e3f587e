// SPDX-License-Identifier: MIT
#include "lib/core/time_source.hpp"

#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace motet::detail {

time_point machine_time() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return time_point(std::chrono::seconds(now.tv_sec) +
                    std::chrono::nanoseconds(now.tv_nsec));
}

namespace {

#if defined(__x86_64__)

/// Whether the counter runs at one rate on all cores, asleep or not: CPUID 0x80000007,
/// EDX bit 8 ("invariant TSC", Intel SDM 18.17.1).
bool counter_is_reliable() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8U)) != 0;
}

struct rate {
  std::uint64_t ns_per_tick;  // times 2^32; 0 if unknown
  std::uint64_t ticks_per_ms;
};

/// Over a quarter of a millisecond; what is left of the error is within the 0.1 % by
/// which estimates exceed, unless the thread loses its core in between.
rate measure_once() noexcept {
  const time_point start = machine_time();
  const std::uint64_t first = __builtin_ia32_rdtsc();
  // The counter before the clock: a pause between the two makes a tick look longer, and
  // estimates late, never early.
  std::uint64_t last = first;
  time_point end = start;
  while (end - start < std::chrono::microseconds(250)) {
    last = __builtin_ia32_rdtsc();
    end = machine_time();
  }
  const std::uint64_t ticks = last - first;
  const auto ns = static_cast<std::uint64_t>((end - start).count());
  if (ticks == 0 || ns == 0 || ticks < ns / 4)
    return {0, 0};  // slower than 250 MHz: not what we think it is
  return {(ns << 32U) / ticks, ticks * 1'000'000 / ns};
}

/// The best of three: what disturbs makes a tick look longer.
rate measure() noexcept {
  if (!counter_is_reliable()) return {0, 0};
  rate best = measure_once();
  for (int again = 0; again < 2; ++again) {
    const rate next = measure_once();
    if (next.ns_per_tick < best.ns_per_tick) best = next;
  }
  return best;
}

const rate& measured() noexcept {
  static const rate once = measure();
  return once;
}

#endif

}  // namespace

time_source::time_source(const backend& kernel) noexcept
    : kernel_(kernel), simulated_(kernel.simulated()) {
#if defined(__x86_64__)
  if (!simulated_) {
    ns_per_tick_ = measured().ns_per_tick;
    correct_after_ = measured().ticks_per_ms;
  }
#endif
  correct();
}

time_point time_source::correct() noexcept {
#if defined(__x86_64__)
  // The counter first: a pause between the two makes estimates late, never early.
  base_ticks_ = __builtin_ia32_rdtsc();
#endif
  base_ = now();
  return base_;
}

}  // namespace motet::detail
