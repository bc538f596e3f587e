// SPDX-License-Identifier: MIT
#include "lib/fiber/walk_tree.hpp"

#include "lib/fiber/home.hpp"

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

/// The eldest of those that outlive their creators; they come last.
fiber_state* first_daemon(const fiber_state& fiber) noexcept {
  const cancel_scope* const home = daemons_of(fiber);
  return home != nullptr ? home->children.first : nullptr;
}

}  // namespace

fiber_state* first_child(const fiber_state& fiber) noexcept {
  if (fiber.phase == fiber_phase::ended) return nullptr;
  fiber_state* const first = first_inside(fiber, nullptr);
  return first != nullptr ? first : first_daemon(fiber);
}

fiber_state* next_child(const fiber_state& fiber) noexcept {
  if (fiber.next_sibling != nullptr) return fiber.next_sibling;
  const cancel_scope* const home = fiber.root.parent;
  const fiber_state& parent = *home->fiber;
  if (home == daemons_of(parent)) return nullptr;
  fiber_state* const next = first_inside(parent, home);
  return next != nullptr ? next : first_daemon(parent);
}

}  // namespace motet::detail
