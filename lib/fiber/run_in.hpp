// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Running a block in a node of the cancel tree: where unwindings end.

#include "lib/core/cancel_tree.hpp"

#include <motet/detail/function_ref.hpp>

#include <exception>

namespace motet::detail {

/// Whether a `cancelled` that has reached the boundary of `node` ends there: it does if
/// the node is cancelled and nothing further out, in its sight, is.
[[nodiscard]] inline bool ends_here(const fiber_state& self,
                                    const cancel_scope& node) noexcept {
  return node.request != nullptr && find_cancelled_outside(self, node) == nullptr;
}

/// Runs `body` in `node`, which is open, and closes it.
/// @param leave called right before, with the body's own error if it threw one.
/// @returns whether the body ended by itself: false if an unwinding ended here.
bool run_in(cancel_scope& node, function_ref<void()> body,
            void (*leave)(cancel_scope& node, const std::exception_ptr& error) noexcept);

}  // namespace motet::detail
