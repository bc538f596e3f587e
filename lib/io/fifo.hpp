// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Opening what may be a FIFO, which waits for its other end.

#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>

#include <cstdint>
#include <string>

namespace motet::detail {

/// open(2), at the end of which there is somebody at a FIFO's other end.
/// @param opened gets a descriptor, which blocks if the flags do not say otherwise.
/// @returns 0, or -errno. Cancellation point.
std::int32_t open_waiting(const std::string& path, int flags, unsigned mode,
                          descriptor& opened, call_site where);

}  // namespace motet::detail
