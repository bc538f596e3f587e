// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where fibers live: the node of the cancel tree that does not close before they end.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

#include <cstdint>

namespace motet::detail {

/// Where a fiber that lives in `home` is counted.
[[nodiscard]] inline std::uint32_t& count_with(const fiber_state& fiber,
                                               cancel_scope& home) noexcept {
  return fiber.daemon ? home.daemons : home.living;
}

/// Only daemons are left: stops them, to be waited for as any child.
/// @returns whether there were any.
bool dismiss_daemons(cancel_scope& node);

/// Whoever waits for the end of all that live in `home` goes on, if that has come.
void wake_joining(scheduler& s, cancel_scope& home) noexcept;

/// Where those live that outlive their creators: a node of the main fiber beside its
/// stack of nodes, so that they end after everything else. Null for any other fiber.
[[nodiscard]] cancel_scope* daemons_of(const fiber_state& fiber) noexcept;
/// Stops and awaits those, when the main fiber and its children are done.
void end_daemons(scheduler& s);

}  // namespace motet::detail
