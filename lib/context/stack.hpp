// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Stacks with guards, pooled.
///
/// Stacks are carved from large mappings that are never unmapped, so that looking at the
/// stack of a fiber that is gone finds old bytes or zeroes, not a fault. Memory is
/// committed as it is touched. Below each stack lie 64 KiB that nobody may touch: a guard
/// of one page is jumped over by a single large frame.
///
/// A pool belongs to a thread. When it goes, its stacks wait in a reserve of the process
/// for the next pool of the same size.

#include "lib/context/sanitizers.hpp"
#include "lib/context/stack_span.hpp"

#include <cstddef>
#include <vector>

namespace motet {

/// Enough for a TLS handshake (13 KiB), a database client (18 KiB) and a regular
/// expression over a few hundred characters (65 KiB), three times over.
constexpr std::size_t default_stack_size = std::size_t{256} * 1024;

namespace detail {
struct stack_class;
}

/// Stacks of one size. Same thread only.
///
/// Invariant: `free_` has room for all stacks that came from here, so giving one back
/// never allocates.
class stack_pool {
 public:
  /// @param usable_size rounded up to pages, and to 16 KiB at least.
  explicit stack_pool(std::size_t usable_size = default_stack_size) noexcept;
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;
  /// Hands the pooled stacks to the reserve. Those still out go to
  /// `give_back_to_reserve`.
  ~stack_pool();

  /// The stack given back last, or another one.
  /// @throws std::system_error with what was attempted and what would help.
  [[nodiscard]] stack_span take() {
    if (free_.empty()) [[unlikely]]
      return take_elsewhere();
    std::byte* const low = free_.back();
    free_.pop_back();
    const stack_span stack{low, low + usable_};
    if (watched_) [[unlikely]]
      sanitizer_reuse(stack);
    return stack;
  }

  /// @param stack came from here.
  void give_back(stack_span stack) noexcept {
    if (free_.size() == free_.capacity()) __builtin_unreachable();  // the invariant
    free_.push_back(stack.low);
  }

  /// Gives the memory of pooled stacks back to the system, except for the few that are
  /// next in turn. Bounded work: call it while the thread is idle.
  /// @returns whether there is more to do.
  bool trim() noexcept;
  /// Whether `trim` would do anything.
  [[nodiscard]] bool has_spare() const noexcept { return free_.size() > kept; }

  /// How many stacks are out.
  [[nodiscard]] std::size_t taken() const noexcept { return owned_ - free_.size(); }
  /// How much of a stack can be used.
  [[nodiscard]] std::size_t usable_size() const noexcept { return usable_; }

 private:
  /// Pooled stacks that keep their memory: more than a turn is likely to start fibers.
  static constexpr std::size_t kept = 64;

  [[nodiscard]] stack_span take_elsewhere();

  std::vector<std::byte*> free_;
  std::size_t usable_;
  bool watched_ = memory_is_watched();
  std::size_t owned_ = 0;
  detail::stack_class* class_ = nullptr;
};

/// Gives back a stack whose pool is gone. Safe on any thread.
void give_back_to_reserve(stack_span stack) noexcept;

/// Whether an address lies in the guard below one of our stacks. Safe on any thread and
/// in signal handlers.
[[nodiscard]] bool in_guard(const void* address) noexcept;

namespace detail {

/// How guards are made: by a mark in the page table (Linux 6.13), which costs nothing, or
/// by a mapping of their own, of which a process may have `vm.max_map_count`.
enum class guard_method { install, protect };

/// Stacks carved from now on are guarded so. For tests; otherwise the kernel's answer
/// decides.
void use_guard_method(guard_method method) noexcept;
/// How the stack carved last was guarded.
[[nodiscard]] guard_method guard_method_in_use() noexcept;

}  // namespace detail

}  // namespace motet
