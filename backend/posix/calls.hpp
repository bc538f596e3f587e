// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Answers calls by plain system calls, for the backends that sit on a real kernel.

#include "backend/operation.hpp"

#include <cstdint>

namespace motet {

/// Whether calls on the sockets that are opened wait; a backend told of readiness wants
/// them not to, and io_uring on older kernels wants them to.
enum class socket_mode : bool { blocking, non_blocking };

/// Never waits, except where closing a file does.
/// @returns >= 0, or -errno.
[[nodiscard]] std::int32_t answer_by_system_call(
    const call& question, socket_mode mode = socket_mode::blocking) noexcept;

}  // namespace motet
