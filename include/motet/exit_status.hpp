// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How a process ended.

#include <cstdint>
#include <optional>
#include <string>

namespace motet {

/// The end of a process: it exited with a code, or a signal killed it. A value.
///
/// It is neither if somebody else in this program has taken the end: a `waitpid` for all
/// children, a SIGCHLD that is ignored, the default loop of libev. Then all that is known
/// is that the process has ended.
class exit_status {
 public:
  /// An end of which nothing is known.
  constexpr exit_status() noexcept = default;
  [[nodiscard]] static constexpr exit_status of_code(int code) noexcept {
    return {kind::exited, code};
  }
  [[nodiscard]] static constexpr exit_status of_signal(int number) noexcept {
    return {kind::killed, number};
  }

  /// Whether it exited, with 0.
  [[nodiscard]] constexpr bool success() const noexcept {
    return kind_ == kind::exited && value_ == 0;
  }
  /// What it exited with, if it did.
  [[nodiscard]] std::optional<int> code() const noexcept;
  /// What killed it, if anything did.
  [[nodiscard]] std::optional<int> signal() const noexcept;

  friend constexpr bool operator==(const exit_status&,
                                   const exit_status&) noexcept = default;

 private:
  enum class kind : std::uint8_t { unknown, exited, killed };

  constexpr exit_status(kind how, int value) noexcept : kind_(how), value_(value) {}

  kind kind_ = kind::unknown;
  int value_ = 0;
};

/// "exited with 3", "killed by SIGTERM". Never parks.
[[nodiscard]] std::string to_string(const exit_status& status);

}  // namespace motet
