// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Looking at fibers from outside.

#include <string>

namespace motet {

/// The tree of fibers of this thread's scheduler: a line for each, with what it does or
/// waits for and what was asked of it. Empty outside of one. Never parks.
[[nodiscard]] std::string dump();

}  // namespace motet
