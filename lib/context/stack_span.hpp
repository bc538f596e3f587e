// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The usable part of a stack. It grows down, from `high` towards `low`.

#include <cstddef>

namespace motet {

/// Both ends lie on page boundaries; below `low` lies the guard.
struct stack_span {
  std::byte* low = nullptr;
  std::byte* high = nullptr;

  [[nodiscard]] std::size_t size() const noexcept {
    return static_cast<std::size_t>(high - low);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return low != nullptr; }
};

}  // namespace motet
