// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Finding fibers that wait for each other's end.
///
/// Looked at from the one that is waited for: its awaiters, those that throw into it, and
/// the fiber that waits to leave the scope it lives in.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

namespace motet::detail {

/// Whether anybody can be waiting for the fiber's end: mostly nobody.
[[nodiscard]] inline bool is_waited_for(const fiber_state& fiber) noexcept {
  return !fiber.end_waiters.empty() || fiber.has_edges() ||
         (fiber.root.parent != nullptr && fiber.root.parent->joining);
}

/// Whether `target` waits for `self`, directly or not: waiting for it would never end.
[[nodiscard]] bool waits_for(const fiber_state& target, const fiber_state& self);

/// Before `self` waits for all that live in `node`: those among them that wait for `self`
/// get a deadlock_error.
void break_cycles(scheduler& s, fiber_state& self, const cancel_scope& node) noexcept;

}  // namespace motet::detail
