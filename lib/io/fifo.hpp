// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Opening what may be a FIFO, which waits for its other end.

#include <motet/call_site.hpp>

#include <cstdint>
#include <string>

namespace motet::detail {

/// open(2), at the end of which there is somebody at a FIFO's other end.
/// @returns a descriptor, which blocks if the flags do not say otherwise, or -errno.
/// Cancellation point.
std::int32_t open_waiting(const std::string& path, int flags, unsigned mode,
                          call_site where);

}  // namespace motet::detail
