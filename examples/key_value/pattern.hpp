// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Patterns for keys: `*`, `?`, `[a-z]`, `[^x]`, and `\` before what is meant as it is.

#include <string_view>

namespace key_value {

/// Takes the length of the text times that of the pattern at the most: a client cannot
/// keep us busy with many stars.
[[nodiscard]] bool matches(std::string_view text, std::string_view pattern) noexcept;

}  // namespace key_value
