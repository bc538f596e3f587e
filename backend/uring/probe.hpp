// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What this kernel's io_uring can do.

#include "backend/operation.hpp"
#include "backend/uring/opcodes.hpp"
#include "backend/uring/ring.hpp"

namespace motet {

/// The avoidable operations that do not work here, found out by trying each of them on a
/// ring with nothing in it. Throws `std::system_error` that names what was attempted if
/// one does not work that is not avoidable, or the ring cannot be used at all.
///
/// Why not by IORING_REGISTER_PROBE: that call may be forbidden where the others are not,
/// and does not know of restrictions.
[[nodiscard]] opcode_set opcodes_missing(ring& empty);

/// Whether one entry brings all connections, or all bytes. Found out in the same way.
/// Linux 5.19 and 6.0.
[[nodiscard]] bool repeats(ring& empty, multishot_kind kind);

}  // namespace motet
