// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Whether this kernel's io_uring does what we need.

#include <liburing.h>

namespace motet {

/// Throws `std::system_error` naming the first feature that is missing.
void require_features(unsigned present);

/// Throws `std::system_error` naming the first operation that is missing.
void require_operations(io_uring& ring);

}  // namespace motet
