// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A place in the caller's source, for messages.

namespace motet {

/// Where a call stands. Taken as a defaulted last parameter, it names the caller.
/// (std::source_location does the same, but clang 14 does not have it. Two words travel
/// in registers; a third, the function's name, would not.)
struct call_site {
  const char* file = "";
  unsigned line = 0;

  /// The place that calls this, or that calls whom it is a default argument of.
  static constexpr call_site here(const char* file = __builtin_FILE(),
                                  unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

}  // namespace motet
