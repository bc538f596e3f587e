// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What has to be the same before and after: nothing may be left behind.

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace motet::testing {

constexpr std::size_t kinds_conserved = 5;

/// How many there are of each kind now.
using counts = std::array<std::size_t, kinds_conserved>;

[[nodiscard]] counts count_everything() noexcept;

/// What there is more of than before, in words; nothing if all is well.
[[nodiscard]] std::vector<std::string> left_behind_since(const counts& before);

}  // namespace motet::testing
