// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Looking at fibers from outside.

#include <motet/time.hpp>

#include <cstddef>
#include <iosfwd>
#include <string>

namespace motet {

/// The tree of fibers of this thread's scheduler: a line for each, with what it does or
/// waits for, since when and where; below it what was asked of it and has not come
/// through, its next deadline, its messages. Unnamed siblings that differ in nothing
/// share a line after the first few. Empty outside of a scheduler. Never parks.
[[nodiscard]] std::string dump();
/// Writes the same. Never parks.
void dump(std::ostream& to);

/// The threads that `blocking` uses: one pool for the process.
struct blocking_stats {
  std::size_t threads = 0;
  std::size_t running = 0;   ///< Jobs that run.
  std::size_t queued = 0;    ///< Jobs that wait for a thread.
  duration longest_wait{0};  ///< The longest that a job has waited for one so far.

  friend bool operator==(const blocking_stats&, const blocking_stats&) = default;
};

/// How many there are at the moment, on this thread's scheduler.
struct scheduler_stats {
  std::size_t fibers = 0;      ///< That have not ended; the main fiber is one.
  std::size_t runnable = 0;    ///< Fibers that could run now.
  std::size_t parked = 0;      ///< Fibers that wait.
  std::size_t stacks = 0;      ///< In use, if only by a handle to a fiber that has ended.
  std::size_t timers = 0;      ///< Armed.
  std::size_t operations = 0;  ///< That the backend has.
  blocking_stats blocking = {};

  friend bool operator==(const scheduler_stats&, const scheduler_stats&) = default;
};

/// Counts. All are 0 outside of a scheduler. Takes time in proportion to the fibers.
/// Never parks.
[[nodiscard]] scheduler_stats stats();

}  // namespace motet
