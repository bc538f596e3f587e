// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Visiting a fiber and all that live in it.

#include "lib/core/fiber_state.hpp"

#include <cstddef>

namespace motet::detail {

/// The eldest fiber that lives in `fiber`; null if none does.
[[nodiscard]] fiber_state* first_child(const fiber_state& fiber) noexcept;
/// The next younger one that lives in the same fiber as `fiber`.
[[nodiscard]] fiber_state* next_child(const fiber_state& fiber) noexcept;

/// Calls `visit(fiber, depth)` for each, parents first, the eldest first. Keeps no stack,
/// however deep the tree.
template <class Visit>
void walk_tree(fiber_state& root, Visit&& visit) {
  fiber_state* fiber = &root;
  std::size_t depth = 0;
  while (fiber != nullptr) {
    visit(*fiber, depth);
    if (fiber_state* const child = first_child(*fiber); child != nullptr) {
      fiber = child;
      ++depth;
      continue;
    }
    fiber_state* next = nullptr;
    while (depth > 0 && (next = next_child(*fiber)) == nullptr) {
      fiber = fiber->root.parent->fiber;
      --depth;
    }
    fiber = next;
  }
}

}  // namespace motet::detail
