// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What was read from a client and is not yet done with.

#include <motet/stream.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace key_value {

/// A buffer that grows with what has come, never with what was only announced.
class input {
 public:
  explicit input(std::size_t most) noexcept : most_(most) {}

  /// Good until the next read.
  [[nodiscard]] std::span<char> text() const noexcept {
    return {bytes_.get() + begin_, end_ - begin_};
  }
  void drop(std::size_t size) noexcept { begin_ += size; }
  [[nodiscard]] bool full() const noexcept { return end_ - begin_ >= most_; }

  /// Reads what there is; only to be called if not full. @returns false at the end of the
  /// stream. Cancellation point.
  bool read_from(motet::stream& peer);

 private:
  void make_room();

  const std::size_t most_;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace key_value
