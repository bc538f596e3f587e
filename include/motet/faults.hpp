// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How often the simulated network fails, when that is left to chance.

#include <motet/time.hpp>

namespace motet::testing {

/// Each rate is a share of the calls that it may happen to: 0 is never, 1 is always. The
/// seed of the run decides which ones these are.
struct faults {
  /// Reads and writes that move fewer bytes than they could.
  double short_transfers = 0;
  /// Writes and connects that arrive late, by up to `longest_delay`.
  double delays = 0;
  duration longest_delay = 100ms;
  /// Reads and writes that find their connection reset.
  double resets = 0;
  /// Connects that are refused.
  double refusals = 0;
  /// Accepts, connects, reads and writes that fail with an error of the kind that real
  /// ones have: no descriptors left, no buffers, a route that is gone.
  double errors = 0;

  friend bool operator==(const faults&, const faults&) = default;
};

}  // namespace motet::testing
