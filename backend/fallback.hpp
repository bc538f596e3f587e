// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Takes the best backend that a machine allows, and says so if it is not the best one.

#include "backend/backend.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace motet {

/// A backend that this build has.
struct candidate {
  const char* name;   ///< As users ask for it: "uring".
  const char* title;  ///< As messages call it: "io_uring".
  /// Throws `std::system_error` whose text says what was attempted.
  std::function<std::unique_ptr<backend>()> make;
  /// What would help against an error, an errno. Null: nothing is known.
  const char* (*advice)(int error) = nullptr;
};

/// Makes `wanted` and nothing else. Throws `std::system_error` that says after `demand`,
/// who wanted it, what was attempted, why it failed and what would help.
[[nodiscard]] std::unique_ptr<backend> make_exactly(const candidate& wanted,
                                                    const std::string& demand);

/// Makes the first of `candidates`, best first, that can be made here. If that is not the
/// very first, `tell` is given one line that says which one it is, and why.
/// Throws `std::system_error` that explains every refusal if there is none, or if
/// descriptors have run out: all of them need some.
[[nodiscard]] std::unique_ptr<backend> make_best(
    std::span<const candidate> candidates,
    const std::function<void(const std::string&)>& tell);

/// Writes a line to stderr, unless this process has written one this way before.
/// Safe on any thread.
void tell_once(const std::string& line) noexcept;

}  // namespace motet
