// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What others than fibers learn of a request to stop: the std::stop_tokens of a fiber.
///
/// A token belongs to the node that was innermost when it was asked for, and is requested
/// once that node, or one further out, is asked to stop and the fiber can see it. Its
/// callbacks are foreign code: they run when the tree is at rest again.

#include "lib/core/fiber_state.hpp"

#include <stop_token>

namespace motet::detail {

/// The token of the node that the fiber is in.
[[nodiscard]] std::stop_token take_token(fiber_state& self);

/// Whether the fiber has tokens that were not requested.
[[nodiscard]] inline bool has_open_tokens(const fiber_state& fiber) noexcept {
  return fiber.extras != nullptr && fiber.extras->open_tokens != 0;
}
/// Whether the node is a fiber whose `terminate` is in its grace: tokens know already.
[[nodiscard]] inline bool in_grace(const cancel_scope& node) noexcept {
  const fiber_state& fiber = *node.fiber;
  return &node == &fiber.root && fiber.extras != nullptr &&
         fiber.extras->grace != nullptr;
}
/// Requests those that can see a reason to; the scheduler runs their callbacks soon.
void request_tokens(fiber_state& fiber) noexcept;

}  // namespace motet::detail
