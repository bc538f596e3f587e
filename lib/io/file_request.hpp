// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Requests about files, of which many may be under way at a time.

#include "lib/io/perform.hpp"

#include <motet/file_stat.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace motet::detail {

/// As `perform`, but nobody's close ends the wait: a disk cannot be hurried.
inline std::int32_t perform_alone(const request& asked, const char* what,
                                  call_site where) {
  io_wait* alone = nullptr;
  return perform(asked, what, alone, where);
}

/// The same for what must not fail. @throws std::system_error "doing path: why".
std::int32_t perform_or_throw(const request& asked, const char* what, call_site where,
                              std::string_view doing, const std::string& path);

/// As `throw_failure`: "doing path: why".
[[noreturn]] void throw_file_failure(std::int32_t result, std::string_view doing,
                                     const std::string& path);

/// @param mode as in stat(2).
[[nodiscard]] file_kind kind_of_mode(unsigned mode) noexcept;

}  // namespace motet::detail
