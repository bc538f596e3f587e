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
#include <motet/detail/function_ref.hpp>
#include <motet/explore.hpp>
#include <motet/run.hpp>
#include <motet/sequencer.hpp>
#include <motet/testing_network.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

namespace motet::testing {

struct test_options {
  /// Which of its possible courses the run takes: who of those that can run is next,
  /// which of two finished operations is told of first, what `choose` says. 0: the usual
  /// one, first come, first served.
  std::uint64_t seed = 0;
  /// File of a course to take, as one that `record` or `explore` wrote. It goes before
  /// the seed. Empty: none.
  std::string replay = {};
  /// File to write the course to, when the run is over. Empty: none.
  std::string record = {};
};

/// As below, for a body without its type. Blocks the thread.
/// @param has_result whether being stopped leaves the caller without one.
void run_erased(const test_options& options, detail::function_ref<void()> body,
                bool has_result);

/// As `motet::run`, on the simulated backend and without signals.
/// @throws std::system_error if a file cannot be used, std::invalid_argument if it holds
/// no course. Blocks the thread.
template <class F>
auto run(const test_options& options, F&& f) {
  return detail::run_for_result<std::invoke_result_t<F&>>(
      f, [&](detail::function_ref<void()> body, bool has_result) {
        run_erased(options, body, has_result);
      });
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
