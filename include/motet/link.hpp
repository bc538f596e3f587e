// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Fibers that fail together.

#include <motet/call_site.hpp>
#include <motet/fiber_ref.hpp>

namespace motet {

/// From now on, if `fiber` fails, the running fiber is cancelled with the same error, as
/// by `fiber_ref::cancel(error)`. If it ends otherwise, also by `stop`, nothing happens.
/// One that has failed already cancels at once. Whoever is linked to a child answers for
/// its error, which is not raised as well. Same thread only.
/// @returns whether it changed anything: not if the fiber has ended without an error, is
/// linked to already, or is oneself. Never parks.
bool link(const fiber_ref& fiber, call_site where = call_site::here());

}  // namespace motet
