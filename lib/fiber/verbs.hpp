// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What one fiber asks of another: stop, end with a value or error, run again.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

namespace motet::detail {

/// Asks `fiber` to end, meaning `what`. Takes over the record. Owner's thread only.
/// @returns whether anything changed.
bool ask(fiber_state& fiber, disposition what, request_record* why) noexcept;

/// Takes back a `terminate` whose grace is still running.
void drop_grace(scheduler& s, fiber_state& fiber) noexcept;

/// Cuts that grace, and those of all fibers below, short.
void expire_graces(fiber_state& fiber) noexcept;

/// Parks until the fiber has ended, whatever is asked of the waiting one meanwhile.
void join_fiber(scheduler& s, fiber_state& fiber) noexcept;

}  // namespace motet::detail
