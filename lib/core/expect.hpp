// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Checks of what the caller, or the code before, has promised. Off with NDEBUG.

#include <cstdio>
#include <exception>

namespace motet::detail {

[[noreturn]] inline void expectation_failed(const char* what, const char* file,
                                            int line) noexcept {
  std::fprintf(stderr, "motet: %s:%d: broken promise: %s\n", file, line, what);
  std::terminate();
}

}  // namespace motet::detail

#ifdef NDEBUG
#define MOTET_EXPECT(condition) static_cast<void>(0)
#else
#define MOTET_EXPECT(condition)       \
  ((condition) ? static_cast<void>(0) \
               : ::motet::detail::expectation_failed(#condition, __FILE__, __LINE__))
#endif
