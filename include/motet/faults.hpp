// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What can go wrong in the simulated network, and how often, when left to chance.

#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>

namespace motet::testing {

/// What a program asks of the network.
enum class call : std::uint8_t {
  accept,
  connect,
  read,
  write,
  wait,    ///< For readiness, as poll(2).
  file,    ///< Opening, renaming and the like: all but reads and writes.
  pipe,    ///< A new one.
  socket,  ///< A socket to connect with.
  listen,
  shutdown,  ///< Of one direction.
  address,   ///< Asking for an end's own or its peer's.
  option,    ///< Setting one.
  close,     ///< Takes effect, whatever it says.
};

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
  /// ones have: no descriptors left, a route that is gone, a timeout.
  double errors = 0;
  /// Datagrams that are lost on their way.
  double losses = 0;

  friend bool operator==(const faults&, const faults&) = default;
};

/// How often something went wrong.
struct fault_counts {
  std::size_t errors = 0;           ///< Calls that failed as they were told to.
  std::size_t refusals = 0;         ///< Connects.
  std::size_t resets = 0;           ///< Connections.
  std::size_t short_transfers = 0;  ///< Reads and writes.
  std::size_t delays = 0;           ///< Things sent that took their time.
  std::size_t losses = 0;           ///< Datagrams.

  friend bool operator==(const fault_counts&, const fault_counts&) = default;
};

}  // namespace motet::testing
