// SPDX-License-Identifier: MIT
#include "lib/context/stack.hpp"

#include "lib/context/stack_reserve.hpp"

#include <algorithm>
#include <span>

namespace motet {

namespace {

/// Stacks per `trim`: some 100 µs, which a thread that was about to sleep can spare.
constexpr std::size_t trimmed_at_once = 256;
/// Stacks moved from the reserve at once, so that the lock is rarely taken.
constexpr std::size_t moved_at_once = 64;
/// Keeps sums and products of sizes far from overflow; no system maps a stack that large.
constexpr std::size_t largest_stack = std::size_t{1} << 50U;

}  // namespace

stack_pool::stack_pool(std::size_t usable_size) noexcept
    : usable_(detail::round_up_to_pages(
          std::clamp(usable_size, std::size_t{16} * 1024, largest_stack))) {}

stack_pool::~stack_pool() {
  if (class_ != nullptr) detail::stack_reserve::instance().absorb(*class_, free_);
}

stack_span stack_pool::take_elsewhere() {
  auto& reserve = detail::stack_reserve::instance();
  if (class_ == nullptr) class_ = &reserve.class_of(usable_);
  // Room first: what has been taken must not be lost to a failing allocation.
  if (free_.capacity() == owned_) free_.reserve(2 * owned_ + moved_at_once);
  const std::size_t wanted = std::min(moved_at_once, free_.capacity() - owned_);
  const std::size_t moved = reserve.withdraw(*class_, wanted, free_);
  owned_ += moved;
  if (moved != 0) return take();
  const stack_span fresh = reserve.carve(*class_);
  ++owned_;
  return fresh;
}

bool stack_pool::trim() noexcept {
  if (!has_spare()) return false;
  const std::size_t idle = free_.size() - kept;
  const std::size_t count = std::min(idle, trimmed_at_once);
  // From the middle, next to those that stay, which makes for a short move. They leave
  // for the reserve: there any thread finds them, and no stack is trimmed twice.
  const auto first = free_.begin() + static_cast<std::ptrdiff_t>(idle - count);
  const auto last = first + static_cast<std::ptrdiff_t>(count);
  detail::stack_reserve::instance().absorb_trimmed(*class_, std::span(first, last));
  free_.erase(first, last);
  owned_ -= count;
  return count < idle;
}

void give_back_to_reserve(stack_span stack) noexcept {
  detail::stack_reserve::instance().absorb(stack);
}

}  // namespace motet
