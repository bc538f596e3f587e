// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The operations of io_uring that we can do without, and sets of them.

#include <liburing.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace motet {

/// Newer than the liburing we build with (Linux 6.9).
constexpr auto op_ftruncate = static_cast<io_uring_op>(55);

/// For requests that io_uring has no operation for.
constexpr auto op_not_there = static_cast<io_uring_op>(63);

class opcode_set {
 public:
  constexpr void add(io_uring_op which) noexcept { bits_ |= bit(which); }
  [[nodiscard]] constexpr opcode_set operator+(opcode_set others) const noexcept {
    others.bits_ |= bits_;
    return others;
  }
  [[nodiscard]] constexpr bool contains(io_uring_op which) const noexcept {
    return (bits_ & bit(which)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

 private:
  static constexpr std::uint64_t bit(io_uring_op which) noexcept {
    return std::uint64_t{1} << which;
  }
  std::uint64_t bits_ = 0;
};

struct named_opcode {
  io_uring_op which;
  std::string_view name;
};

/// What can be done by waiting for readiness, and then by a system call; or by a thread
/// that waits for the disk.
[[nodiscard]] std::span<const named_opcode> avoidable_opcodes() noexcept;

/// The set that a list like "recv,accept" means.
/// Throws `std::system_error` that names what is not among the avoidable ones, and these.
[[nodiscard]] opcode_set opcodes_named(std::string_view list);

}  // namespace motet
