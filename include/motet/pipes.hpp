// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Pipes: what is written into one end is read from the other, by fibers, threads or
/// other processes.

#include <motet/stream.hpp>

namespace motet {

/// The two ends of a pipe, for `auto [reader, writer] = pipes()`. The reader is at its
/// end when all writers are closed; writing is an error (EPIPE) when all readers are.
struct pipe_ends {
  stream reader;
  stream writer;
};

/// Makes a pipe. Other processes get an end only if it is handed to them.
/// @throws std::system_error. Never parks.
[[nodiscard]] pipe_ends pipes();

}  // namespace motet
