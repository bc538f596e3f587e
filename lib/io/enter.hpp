// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The start of a point that need not wait, and does without fibers then.

#include "lib/core/cancel_tree.hpp"
#include "lib/core/expect.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/call_site.hpp>

namespace motet::detail {

/// As `enter_point`. Nothing outside of fibers, where a parser may be tried on bytes that
/// come from memory.
inline void enter_if_in_fiber(call_site where) {
  if (this_scheduler != nullptr) enter_point(*this_scheduler, where);
}

}  // namespace motet::detail
