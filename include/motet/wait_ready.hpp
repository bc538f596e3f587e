// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting until a descriptor is ready, for libraries that read and write themselves:
/// database clients, event sources, anything that can be told not to block.

#include <motet/call_site.hpp>

namespace motet {

/// Parks until `fd` has something to read, is at its end or has an error to tell of. What
/// there is may be gone when somebody else reads it: make the descriptor non-blocking.
/// It stays open meanwhile. In the simulation there are only simulated descriptors.
/// @throws std::system_error if it cannot be waited for: EBADF if it is not open.
/// Cancellation point.
void wait_readable(int fd, call_site where = call_site::here());

/// Parks until `fd` has room to be written to, or was closed by its peer, or has an error
/// to tell of. As above in all else. Cancellation point.
void wait_writable(int fd, call_site where = call_site::here());

}  // namespace motet
