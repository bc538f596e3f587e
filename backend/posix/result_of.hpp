// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// System calls in the words of the seam.

#include <cerrno>
#include <cstdint>

namespace motet {

/// Makes a system call, again if a signal interrupts it. @returns >= 0, or -errno.
template <class Call>
std::int64_t result_of(Call make) noexcept {
  for (;;) {
    const std::int64_t result = make();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace motet
