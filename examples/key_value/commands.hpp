// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The commands, and what they have in common.

#include "examples/key_value/session.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace key_value {

struct command {
  std::string_view name;  ///< In small letters.
  /// How many words a request has; if negative, that many at least.
  int words;
  void (*run)(call& c);
  bool for_subscribers = false;  ///< Whether clients that have subscribed may use it.
};

[[nodiscard]] std::span<const command> commands_for_keys() noexcept;
[[nodiscard]] std::span<const command> commands_for_texts() noexcept;
[[nodiscard]] std::span<const command> commands_for_lists() noexcept;
[[nodiscard]] std::span<const command> commands_for_clients() noexcept;

/// @throws command_error if it is none.
[[nodiscard]] std::int64_t integer_from(std::string_view word);
/// Whether they are the same but for small and capital letters.
[[nodiscard]] bool same(std::string_view a, std::string_view b) noexcept;
/// The moment so much after now. @throws command_error if there is no such moment.
[[nodiscard]] instant after(std::int64_t span, std::int64_t milliseconds_each,
                            std::string_view command);
[[noreturn]] void throw_syntax_error();

}  // namespace key_value
