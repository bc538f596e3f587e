// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// All stacks of the process: where pools take them from, and leave them to.

#include "lib/context/stack_span.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace motet::detail {

/// The stacks of one size, and the piece of address space that the next ones come from.
///
/// Invariant: `resident` and `trimmed` each have room for all stacks of the class, so
/// giving one back never allocates.
struct stack_class {
  std::size_t usable = 0;
  std::vector<std::byte*> resident;  ///< As they were left; the last is the warmest.
  std::vector<std::byte*> trimmed;   ///< Those that hold no memory.
  std::size_t carved = 0;
  std::byte* next = nullptr;  ///< Where the next stack is carved, its guard first,
  std::byte* end = nullptr;   ///< unless it is here.
  std::size_t chunk_stacks = 64;
};

/// Safe on any thread. Lives as long as the process.
class stack_reserve {
 public:
  static stack_reserve& instance();

  [[nodiscard]] stack_class& class_of(std::size_t usable);

  /// Moves up to `wanted` stacks to the end of `into`, which has room for them.
  /// @returns how many.
  std::size_t withdraw(stack_class& from, std::size_t wanted,
                       std::vector<std::byte*>& into) noexcept;

  /// A stack that nobody has used yet.
  [[nodiscard]] stack_span carve(stack_class& from);

  /// Takes all of `stacks`. Beyond a few they lose their memory.
  void absorb(stack_class& into, std::vector<std::byte*>& stacks) noexcept;
  void absorb(stack_span stack) noexcept;
  /// Takes `stacks`, and their memory.
  void absorb_trimmed(stack_class& into, std::span<std::byte*> stacks) noexcept;

  /// How many stacks are elsewhere: with a fiber, or in a pool.
  [[nodiscard]] std::size_t in_use() noexcept;

 private:
  void map_chunk(stack_class& of);
  void guard(const stack_class& of, std::byte* low);

  std::mutex mutex_;
  std::vector<std::unique_ptr<stack_class>> classes_;
  std::size_t carved_ = 0;
};

[[nodiscard]] std::size_t round_up_to_pages(std::size_t size) noexcept;

}  // namespace motet::detail
