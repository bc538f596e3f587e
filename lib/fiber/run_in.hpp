// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Running a block in a node of the cancel tree: where unwindings end.

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/finalize.hpp"

#include <motet/detail/function_ref.hpp>

#include <exception>

namespace motet::detail {

/// Whether a `cancelled` that has reached the boundary of `node` ends there: it does if
/// the node is cancelled and nothing further out, in its sight, is.
[[nodiscard]] inline bool ends_here(const fiber_state& self,
                                    const cancel_scope& node) noexcept {
  return node.request != nullptr && find_cancelled_outside(self, node) == nullptr;
}

/// Runs `body` in `node`, which is open, and closes it. Calls `leave(node)` right before,
/// and before that, if the body threw an error of its own, `fail(node, error)`.
/// @returns whether the body ended by itself: false if an unwinding ended here.
template <auto leave, auto fail>
[[gnu::always_inline]] inline bool run_in(cancel_scope& node, function_ref<void()> body) {
  fiber_state& self = *node.fiber;
  try {
    body();
  } catch (const cancelled&) {
    const bool ended = ends_here(self, node);
    leave(node);
    close_scope(self, node);
    if (has_finalizer_errors(self)) throw_finalizer_errors(self, node);
    if (!ended) throw;
    return false;
  } catch (...) {
    fail(node, std::current_exception());
    leave(node);
    close_scope(self, node);
    if (has_finalizer_errors(self)) {
      add_cause(self, std::current_exception(), take_finalizer_errors(self, node));
    }
    throw;
  }
  look_for_swallowed(*this_scheduler, &node);
  leave(node);
  close_scope(self, node);
  if (has_finalizer_errors(self)) throw_finalizer_errors(self, node);
  return true;
}

}  // namespace motet::detail
