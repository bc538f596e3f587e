// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Writes requests down as the kernel reads them.

#include "backend/operation.hpp"
#include "backend/uring/opcodes.hpp"

#include <liburing.h>

#include <cstdint>

namespace motet {

/// Fills in `entry`, except its user data. Continues after the `op.result` bytes that
/// have moved already.
void prepare(const operation& op, io_uring_sqe& entry) noexcept;

/// Fills in `entry` to wait until `op` is worth trying again.
void prepare_readiness(const operation& op, io_uring_sqe& entry) noexcept;

/// The requests that are made of one of these operations: a bit for each, in the order
/// of `request`.
[[nodiscard]] std::uint32_t requests_made_of(opcode_set operations) noexcept;

}  // namespace motet
