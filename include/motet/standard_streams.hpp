// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Standard input, output and error output as streams that park their fiber instead of
/// blocking the thread.
///
/// They are shared with other processes: their modes stay as they are. Nothing is
/// buffered here: what std::cout and printf hold back comes later.

#include <motet/stream.hpp>

namespace motet {

/// What the process reads from. Each call gives a descriptor of its own, so that it can
/// be closed or moved away, and standard input stays. @throws std::system_error if there
/// is none. Never parks.
[[nodiscard]] stream standard_input();

/// What the process writes to, likewise. Fibers may write at the same time, each to a
/// stream of its own: what is no longer than 4096 bytes is not mixed with what others
/// write. Never raises SIGPIPE. Never parks.
[[nodiscard]] stream standard_output();

/// Where the process complains, likewise. Never parks.
[[nodiscard]] stream standard_error();

}  // namespace motet
