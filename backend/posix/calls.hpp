// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Answers calls by plain system calls, for the backends that sit on a real kernel.

#include "backend/operation.hpp"

#include <cstdint>

namespace motet {

/// Never waits, except where closing a file does.
/// @returns >= 0, or -errno.
[[nodiscard]] std::int32_t answer_by_system_call(const call& question) noexcept;

}  // namespace motet
