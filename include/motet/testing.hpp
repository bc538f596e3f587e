// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Tests without a kernel and without waiting.
///
/// Under `testing::run` time is virtual: it stands still while any fiber can run and
/// jumps to the next deadline when all are parked. A test of a one-hour timeout takes
/// microseconds, and takes the same course every time. If all are parked and there is no
/// deadline, the main fiber gets a deadlock_error that says who waits for what.

#include <motet/cancel_everywhere.hpp>
#include <motet/run.hpp>
#include <motet/sequencer.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace motet::testing {

struct test_options {
  /// Makes the run repeatable once more than one course is possible.
  std::uint64_t seed = 0;
};

/// As `motet::run`, on the simulated backend and without signals. Blocks the thread.
template <class F>
auto run(const test_options&, F&& f) {
  return motet::run({.backend = backend_kind::sim, .signals = signal_policy::none},
                    std::forward<F>(f));
}
template <class F>
auto run(F&& f) {
  return run(test_options{}, std::forward<F>(f));
}

/// Lets virtual time pass as if the fiber computed that long. Never parks.
/// @throws structure_error if time is real.
void busy(duration span);

/// Lets all other fibers run until they are parked; no time passes. Throws nothing, so
/// that it can be used anywhere: no cancellation point.
/// Never parks for longer than that.
void settle();

/// How many timers are armed. Never parks.
[[nodiscard]] std::size_t armed_timers() noexcept;
/// How many operations the backend holds. Never parks.
[[nodiscard]] std::size_t operations_in_flight() noexcept;
/// How many simulated sockets have not been closed. Never parks.
[[nodiscard]] std::size_t open_descriptors() noexcept;
/// How many messages lie in mailboxes or are on their way. Never parks.
[[nodiscard]] std::size_t live_messages() noexcept;
/// How many fibers have a stack: one that has ended keeps it while there are handles to
/// it. Never parks.
[[nodiscard]] std::size_t stacks_in_use() noexcept;

}  // namespace motet::testing
