// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Buffers of which the kernel takes one when bytes come, not before.
///
/// However many connections are silent, they share these. There are few at first, which
/// the processor's caches hold; more are added when the kernel finds none.

#include "backend/uring/ring.hpp"

#include <cstddef>
#include <cstdint>

namespace motet {

/// Same thread only.
class buffer_ring {
 public:
  /// How the kernel calls it.
  static constexpr std::uint16_t group = 0;

  explicit buffer_ring(ring& kernel) noexcept : kernel_(kernel) {}
  buffer_ring(const buffer_ring&) = delete;
  buffer_ring& operator=(const buffer_ring&) = delete;
  ~buffer_ring();

  /// Whether there is one; makes it, the first time. Linux 5.19.
  [[nodiscard]] bool usable() noexcept {
    return state_ == state::unknown ? set_up() : state_ == state::made;
  }
  /// Adds buffers if the kernel has none. @returns false if there are as many as can be.
  [[nodiscard]] bool replenish() noexcept;

  /// The buffer that a completion names.
  [[nodiscard]] std::byte* taken(std::uint32_t id) noexcept;
  [[nodiscard]] bool owns(const std::byte* buffer) const noexcept;
  void give_back(const std::byte* buffer) noexcept;

  /// How many there are, and how many of them the kernel has.
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] unsigned free() const noexcept { return free_; }

 private:
  enum class state : std::uint8_t { unknown, made, refused };

  bool set_up() noexcept;
  bool grow() noexcept;
  void add(std::uint32_t id) noexcept;

  ring& kernel_;
  state state_ = state::unknown;
  unsigned size_ = 0;
  unsigned free_ = 0;
  io_uring_buf_ring* entries_ = nullptr;
  std::byte* buffers_ = nullptr;
};

}  // namespace motet
