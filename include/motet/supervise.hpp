// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Watching fibers end, and running them again.
///
/// A supervisor is a fiber that waits in `supervise`. While it does, its fibers' errors
/// are its business: they reach neither the parent nor the scope that the fiber lives in.
/// Supervisors nest: one that gives up fails by the error it throws, and whoever
/// supervises it may run it, and so all that it spins, again.

#include <motet/call_site.hpp>
#include <motet/detail/callback.hpp>
#include <motet/detail/later.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/outcome.hpp>
#include <motet/time.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace motet {

/// After which ends a supervised fiber is run again. After any other it is done.
enum class restart_policy : std::uint8_t {
  never,
  on_error,  ///< When it failed.
  always,    ///< Whatever ended it: it returned, it failed, somebody stopped it.
};

/// Who is run again with the fiber whose end calls for it. The others are stopped first,
/// the last one first; all are started in order.
enum class restart_strategy : std::uint8_t {
  one_for_one,   ///< Nobody.
  one_for_all,   ///< All others, those that were done included.
  rest_for_one,  ///< Those that come after it.
};

/// How to supervise.
struct supervision {
  restart_policy restart = restart_policy::never;
  /// More restarts than this, counted over all its fibers, and it gives up …
  std::size_t intensity = 5;
  /// … if they fall into this span.
  duration within = std::chrono::minutes(1);
  /// Waited before each restart; always the same, as `intensity` ends what never heals.
  duration backoff = {};
  restart_strategy strategy = restart_strategy::one_for_one;
  /// What each fiber gets to end by itself when it is stopped: see `terminate`.
  duration shutdown = {};
  /// Called when a fiber returned or was stopped by somebody else.
  detail::callback<void(const fiber_ref& who, const ending& how)> on_done = {};
  /// Called when a fiber failed, also while it was being stopped. Without it an error is
  /// answered by the restart; with `restart_policy::never`, it goes to
  /// `run_options::on_unhandled`.
  detail::callback<void(const fiber_ref& who, const ending& how)> on_error = {};
};

namespace detail {
void supervise_these(std::span<const fiber_ref> fibers, const supervision& how,
                     call_site where);
}  // namespace detail

/// Supervises these fibers until all of them are done. They are in the order in which
/// they depend on each other. Those that are to be restarted keep callable and arguments
/// until they are done; whoever awaits one sees the end of the run under way.
///
/// When there were more restarts than `intensity` allows, it throws the last error, with
/// all errors of that span in `cause_of`. Left by that, by a callback that throws, or by
/// cancellation, it stops its fibers, the last one first, each when the one before has
/// ended; those that live in the supervising fiber hear of its cancellation only so. An
/// error that one of them ends by meanwhile, and that `on_error` does not take, is thrown
/// in place of `cancelled` or along with the other in an exception_group.
///
/// @throws structure_error if a fiber cannot be run again because its callable takes a
/// move-only argument by value, if somebody supervises it already, or if this one lives
/// in it. Same thread only. Cancellation point.
void supervise(std::initializer_list<fiber_ref> fibers, const supervision& how = {},
               call_site where = call_site::here());

/// As above, for any range of fibers. Cancellation point.
template <class Range>
requires requires(const Range& r) {
  { *std::begin(r) } -> std::convertible_to<fiber_ref>;
}
void supervise(const Range& fibers, const supervision& how = {},
               call_site where = call_site::here()) {
  const std::vector<detail::later<fiber_ref, Range>> list(std::begin(fibers),
                                                          std::end(fibers));
  detail::supervise_these({list.data(), list.size()}, how, where);
}

/// As above, for all children of the calling fiber, and for those that it gets meanwhile;
/// but not for those that somebody supervises already. Cancellation point.
void supervise(const supervision& how = {}, call_site where = call_site::here());

}  // namespace motet
