// SPDX-License-Identifier: MIT
#include "lib/fiber/walk_tree.hpp"

namespace motet::detail {

namespace {

/// Of the fibers spun in the open scopes of `fiber` further in than `limit` (null: all),
/// the first of the outermost.
fiber_state* first_inside(const fiber_state& fiber, const cancel_scope* limit) noexcept {
  fiber_state* first = nullptr;
  for (const cancel_scope* s = fiber.chain.innermost;
       s != nullptr && s != limit && s->fiber == &fiber; s = s->parent) {
    if (s->children.first != nullptr) first = s->children.first;
  }
  return first;
}

}  // namespace

fiber_state* first_child(const fiber_state& fiber) noexcept {
  return fiber.phase == fiber_phase::ended ? nullptr : first_inside(fiber, nullptr);
}

fiber_state* next_child(const fiber_state& fiber) noexcept {
  if (fiber.next_sibling != nullptr) return fiber.next_sibling;
  const cancel_scope* const home = fiber.root.parent;
  return first_inside(*home->fiber, home);
}

}  // namespace motet::detail
