// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Writes requests down as the kernel reads them.

#include "backend/operation.hpp"

#include <liburing.h>

#include <cstddef>

namespace motet {

/// Fills in `entry`, except its user data. Continues after the `op.result` bytes that
/// have moved already.
void prepare(const operation& op, io_uring_sqe& entry) noexcept;

/// Fills in `entry` to wait until `op` is worth trying again.
void prepare_readiness(const operation& op, io_uring_sqe& entry) noexcept;

/// How many bytes have to move until `op` is complete; 0 if any result completes it.
[[nodiscard]] std::size_t bytes_to_move(const request& what) noexcept;

}  // namespace motet
