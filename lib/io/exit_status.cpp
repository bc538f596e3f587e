// SPDX-License-Identifier: MIT
#include <motet/exit_status.hpp>

#include <cstring>

namespace motet {

std::optional<int> exit_status::code() const noexcept {
  return kind_ == kind::exited ? std::optional(value_) : std::nullopt;
}

std::optional<int> exit_status::signal() const noexcept {
  return kind_ == kind::killed ? std::optional(value_) : std::nullopt;
}

std::string to_string(const exit_status& status) {
  if (const auto code = status.code()) return "exited with " + std::to_string(*code);
  if (const auto number = status.signal()) {
    const char* const name = ::sigabbrev_np(*number);
    return name != nullptr ? "killed by SIG" + std::string(name)
                           : "killed by signal " + std::to_string(*number);
  }
  return "ended, nobody knows how";
}

}  // namespace motet
