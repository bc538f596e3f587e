// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"

#include <motet/error.hpp>

#include <algorithm>
#include <utility>

namespace motet::detail {

unsigned uncaught_in(const fiber_state& fiber) noexcept {
  // Not the phase: a fiber that parked takes turns on its own stack, with its exceptions
  // still those of the thread.
  scheduler& s = *this_scheduler;
  return &fiber == &s.running() ? s.uncaught() : fiber.exceptions.uncaught;
}

namespace {

/// From `from`, a node outside of the fiber or its root's parent, outwards.
cancel_scope* outermost_from(cancel_scope* from, cancel_scope* found) noexcept {
  for (cancel_scope* s = from; s != nullptr; s = s->parent) {
    if (s->request != nullptr) found = s;
    if (s->cut) break;
  }
  return found;
}

/// From `from`, a node of the fiber, outwards, as far as the fiber can see.
cancel_scope* outermost_visible(const fiber_state& fiber, cancel_scope* from) noexcept {
  const unsigned uncaught = uncaught_in(fiber);
  cancel_scope* found = nullptr;
  for (cancel_scope* s = from; s != fiber.chain.wall; s = s->parent) {
    if (s->uncaught == uncaught && s->request != nullptr) found = s;
    if (s != &fiber.root) continue;
    // What was open when an unwinding began is out of sight, here and in other fibers.
    if (s->uncaught != uncaught || s->cut) return found;
    return outermost_from(s->parent, found);
  }
  return found;
}

}  // namespace

cancel_scope* find_cancelled(const fiber_state& fiber) noexcept {
  return outermost_visible(fiber, fiber.chain.innermost);
}

cancel_scope* find_cancelled_outside(const fiber_state& fiber,
                                     const cancel_scope& node) noexcept {
  if (fiber.chain.wall == node.parent && node.parent != nullptr) return nullptr;
  if (&node == &fiber.root) {
    return node.cut ? nullptr : outermost_from(node.parent, nullptr);
  }
  return outermost_visible(fiber, node.parent);
}

time_point deadline_of(const fiber_state& fiber) noexcept {
  if (find_cancelled(fiber) != nullptr) return time_point::min();
  const unsigned uncaught = uncaught_in(fiber);
  time_point soonest = time_point::max();
  bool own = true;
  for (const cancel_scope* s = fiber.chain.innermost; s != nullptr; s = s->parent) {
    if (own && s == fiber.chain.wall) break;
    const bool visible = !own || s->uncaught == uncaught;
    if (visible && s->clock != nullptr) soonest = std::min(soonest, s->clock->deadline);
    if (s == &fiber.root) {
      if (!visible) break;
      own = false;
    }
    if (!own && s->cut) break;
  }
  return soonest;
}

bool lets_edges_in(const fiber_state& fiber) noexcept {
  return fiber.chain.wall == nullptr && uncaught_in(fiber) == fiber.root.uncaught;
}

bool latch(cancel_scope& node, request_record* why) noexcept {
  if (node.request != nullptr) {
    request_record* last = node.request;
    while (last->later != nullptr)
      last = last->later;
    last->later = why;
    return false;
  }
  node.request = why;
  if (&node == &node.fiber->root && !node.fiber->ending) node.fiber->requested = true;
  notify_below(node);
  return true;
}

namespace {

/// A list of fibers to disturb, linked through themselves: a request allocates nothing.
struct worklist {
  fiber_state* first = nullptr;
  fiber_state* last = nullptr;

  void push(fiber_state& fiber) noexcept {
    fiber.next_to_disturb = nullptr;
    (last != nullptr ? last->next_to_disturb : first) = &fiber;
    last = &fiber;
  }

  void reverse() noexcept {
    fiber_state* reversed = nullptr;
    for (fiber_state* f = first; f != nullptr;) {
      fiber_state* const next = f->next_to_disturb;
      f->next_to_disturb = reversed;
      reversed = f;
      f = next;
    }
    first = reversed;
  }
};

/// Adds the fibers spun in the nodes of `fiber` from which `top`, one of them, can be
/// seen; the youngest first.
void push_children(worklist& list, fiber_state& fiber, cancel_scope& top) noexcept {
  cancel_scope* start = fiber.chain.innermost;
  for (cancel_scope* s = start; s != &top; s = s->parent) {
    if (s->cut) start = s->parent;
  }
  for (cancel_scope* s = start;; s = s->parent) {
    for (fiber_state* c = s->children.last; c != nullptr; c = c->previous_sibling) {
      list.push(*c);
    }
    if (s == &top) break;
  }
}

}  // namespace

void notify_below(cancel_scope& node) noexcept {
  // Breadth first, the youngest child first; reversed, that is children before parents
  // and the eldest first, without recursion.
  worklist list;
  list.push(*node.fiber);
  push_children(list, *node.fiber, node);
  for (fiber_state* f = node.fiber->next_to_disturb; f != nullptr;
       f = f->next_to_disturb) {
    if (f->root.cut) continue;
    push_children(list, *f, f->root);
  }
  list.reverse();
  for (fiber_state* f = list.first; f != nullptr; f = f->next_to_disturb)
    disturb(*f);
}

void disturb(fiber_state& fiber) noexcept {
  fiber.attention = true;
  if (fiber.phase != fiber_phase::parked) return;
  waiter& how = *fiber.waiting;
  if (how.abort == nullptr || how.aborted) return;
  if (find_cancelled(fiber) == nullptr) {
    if (!fiber.has_edges() || !lets_edges_in(fiber)) return;
    fiber.extras->edges.front().committed = true;
  }
  how.aborted = true;
  how.abort(how);
}

void push_edge(fiber_state& fiber, edge e) {
  fiber.more().edges.push_back(std::move(e));
  disturb(fiber);
}

bool withdraw_edge(fiber_state& fiber, const fiber_state& child) noexcept {
  if (!fiber.has_edges()) return false;
  auto& edges = fiber.extras->edges;
  const auto found = std::find_if(edges.begin(), edges.end(), [&](const edge& e) {
    return e.child.get() == &child && !e.committed;
  });
  if (found == edges.end()) return false;
  edges.erase(found);
  return true;
}

void remember_error(fiber_state& self, known_error e) {
  constexpr std::size_t kept = 4;
  auto& known = self.more().known;
  if (known.size() == kept) {
    drop_reference(known.front().why);
    known.erase(known.begin());
  }
  known.push_back(std::move(e));
}

std::exception_ptr take_edge(fiber_state& self) {
  auto& edges = self.extras->edges;
  edge e = std::move(edges.front());
  edges.erase(edges.begin());
  if (e.thrower != nullptr) this_scheduler->unpark(*e.thrower->fiber);
  if (fiber_state* child = e.child.get(); child != nullptr) {
    const fiber_extras* const extras = child->extras.get();
    const bool passed_on = extras != nullptr && extras->error_source.get() != nullptr;
    remember_error(self, {.error = e.error,
                          .source = passed_on ? extras->error_source : e.child,
                          .suppressed = extras ? extras->suppressed
                                               : std::vector<std::exception_ptr>{}});
  }
  return std::move(e.error);
}

bool anything_pending(const fiber_state& fiber) noexcept {
  if (fiber.has_edges()) return true;
  for (const cancel_scope* s = fiber.chain.innermost; s != nullptr; s = s->parent) {
    if (s->request != nullptr) return true;
  }
  return false;
}

void deliver(fiber_state& self) {
  if (cancel_scope* const s = find_cancelled(self)) {
    fiber_state::throw_cancelled(*s->request);
  }
  if (self.has_edges() && lets_edges_in(self)) std::rethrow_exception(take_edge(self));
  self.attention = anything_pending(self);
}

void deliver_after_abort(scheduler& s) {
  fiber_state& self = s.running();
  if (std::exchange(self.deadlocked, false)) {
    throw deadlock_error(s.deadlock_report);
  }
  return deliver(self);  // in place of this frame, which the unwinding then need not pass
}

void leave_queue(waiter& w) noexcept {
  auto& self = static_cast<queue_waiter&>(w);
  self.queue->remove(self);
  this_scheduler->unpark(*self.fiber);
}

}  // namespace motet::detail
