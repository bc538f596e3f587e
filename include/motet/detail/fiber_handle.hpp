// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A counted reference to a fiber's control block.

#include <utility>

namespace motet::detail {

struct fiber_state;  // lib/core/fiber_state.hpp

void add_reference(fiber_state&) noexcept;
void drop_reference(fiber_state&) noexcept;

/// Keeps a control block, not the fiber, alive. Any thread.
class fiber_handle {
 public:
  struct adopt_t {};

  fiber_handle() = default;
  explicit fiber_handle(fiber_state* state) noexcept : state_(state) {
    if (state_ != nullptr) add_reference(*state_);
  }
  /// Takes over a reference that somebody else has counted already.
  fiber_handle(fiber_state* state, adopt_t) noexcept : state_(state) {}
  fiber_handle(const fiber_handle& other) noexcept : fiber_handle(other.state_) {}
  fiber_handle(fiber_handle&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {}
  fiber_handle& operator=(const fiber_handle& other) noexcept {
    return *this = fiber_handle(other);
  }
  fiber_handle& operator=(fiber_handle&& other) noexcept {
    fiber_handle taken(std::move(other));
    std::swap(state_, taken.state_);
    return *this;
  }
  ~fiber_handle() {
    if (state_ != nullptr) drop_reference(*state_);
  }

  [[nodiscard]] fiber_state* get() const noexcept { return state_; }

 private:
  fiber_state* state_ = nullptr;
};

}  // namespace motet::detail
