// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Looking at fibers from outside.

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

}  // namespace motet
