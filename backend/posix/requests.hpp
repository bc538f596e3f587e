// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the backends on a real kernel have to know of a request, beside how to start it.

#include "backend/operation.hpp"

#include <cstddef>

namespace motet {

/// What a request waits for, in the words of poll(2).
struct readiness {
  int fd;
  short events;
};

/// What has to happen until the request is worth trying (again).
[[nodiscard]] readiness awaited_by(const request& what) noexcept;

/// How much the kernel moves at a time; results are 32 bits wide.
constexpr std::size_t most_bytes = 0x7fff'f000;

/// How many bytes have to move until a request is complete; 0 if any result completes it.
[[nodiscard]] std::size_t bytes_to_move(const request& what) noexcept;

}  // namespace motet
