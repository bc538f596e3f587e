// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What schedulers have left behind; for tests.

#include <atomic>
#include <cstddef>

namespace motet::detail {

/// Each scheduler adds what there still is when it ends, which ought to be nothing. Safe
/// on any thread.
struct leftovers {
  std::atomic<std::size_t> fibers{0};
  std::atomic<std::size_t> timers{0};
  std::atomic<std::size_t> operations{0};
  std::atomic<std::size_t> descriptors{0};  ///< Simulated ones.
};
inline constinit leftovers left_over{};

}  // namespace motet::detail
