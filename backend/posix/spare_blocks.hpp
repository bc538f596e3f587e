// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Blocks for bytes that come, used over and over: the same few stay in the cache.

#include "backend/multishot.hpp"

#include <array>
#include <cstddef>
#include <new>

namespace motet {

/// Same thread only.
class spare_blocks {
 public:
  spare_blocks() = default;
  spare_blocks(const spare_blocks&) = delete;
  spare_blocks& operator=(const spare_blocks&) = delete;
  ~spare_blocks() {
    while (count_ != 0)
      ::operator delete(take());
  }

  /// A block of `multishot::lent_size`, the one that was kept last. Null if memory has
  /// run out.
  [[nodiscard]] std::byte* take() noexcept {
    if (count_ != 0) return blocks_[--count_];
    return static_cast<std::byte*>(::operator new(multishot::lent_size, std::nothrow));
  }

  /// Keeps a block that was taken, or frees it if enough are kept.
  void keep(std::byte* block) noexcept {
    if (count_ == blocks_.size()) return ::operator delete(block);
    blocks_[count_++] = block;
  }

 private:
  std::array<std::byte*, 32> blocks_{};
  std::size_t count_ = 0;
};

}  // namespace motet
