// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Requests as plain system calls that never wait: for backends that are told when a
/// descriptor is ready, and for what io_uring lacks on older kernels.

#include "backend/operation.hpp"
#include "backend/posix/spare_blocks.hpp"

#include <cstdint>
#include <optional>

namespace motet {

/// Tries `op` now. To be tried again when what it awaits (`awaited_by`) has come; in
/// between, `op.result` notes how far it is. It is 0 before the first attempt. What is
/// `on_disk` never has to wait for that, and keeps the thread as long as the disk takes.
/// @returns the result, or nothing as long as the operation has to wait.
/// @param blocks where a `next_request` takes the block for its bytes from.
[[nodiscard]] std::optional<std::int32_t> attempt(operation& op,
                                                  spare_blocks& blocks) noexcept;
[[nodiscard]] std::optional<std::int32_t> attempt(operation& op) noexcept;

/// The result of an operation that is cancelled while it waits for its next attempt:
/// -ECANCELED, or the bytes that have moved.
[[nodiscard]] std::int32_t result_of_cancelled(const operation& op) noexcept;

/// Whether another request like `what` would have to wait: the last one, which ended with
/// `result`, got less than it asked for.
[[nodiscard]] bool exhausted_by(const request& what, std::int32_t result) noexcept;

}  // namespace motet
