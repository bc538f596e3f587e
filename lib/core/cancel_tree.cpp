// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"

#include "lib/core/stop_tokens.hpp"

#include <motet/error.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
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
    constexpr int kept = 100;  // some ask again and again until it has ended
    request_record* last = node.request;
    int count = 1;
    for (; last->later != nullptr && count < kept; ++count)
      last = last->later;
    if (count < kept) {
      last->later = why;
    } else {
      drop_reference(why);
    }
    return false;
  }
  node.request = why;
  if (&node == &node.fiber->root && !node.fiber->ending) node.fiber->requested = true;
  notify_below(node);
  return true;
}

namespace {

/// Of the fibers spun in the nodes of `fiber` that can see `top`, one of these, the first
/// of the outermost; only those further in than `limit`, if that is not null.
fiber_state* first_below(const fiber_state& fiber, const cancel_scope& top,
                         const cancel_scope* limit) noexcept {
  fiber_state* first = nullptr;
  for (const cancel_scope* s = fiber.chain.innermost; s != limit; s = s->parent) {
    if (s->children.first != nullptr) first = s->children.first;
    if (s == &top) break;
    if (s->cut) first = nullptr;  // it hides `top` from all further in
  }
  return first;
}

/// Where a walk below `fiber` begins that takes children before parents.
fiber_state& deepest(fiber_state& fiber) noexcept {
  fiber_state* at = &fiber;
  while (!at->root.cut) {
    fiber_state* const child = first_below(*at, at->root, nullptr);
    if (child == nullptr) break;
    at = child;
  }
  return *at;
}

/// The next in a walk below `top` that takes children before parents, the eldest first;
/// null once only the fiber of `top` is left.
fiber_state* next_below(fiber_state& at, const cancel_scope& top) noexcept {
  if (at.next_sibling != nullptr) return &deepest(*at.next_sibling);
  const cancel_scope& home = *at.root.parent;
  fiber_state& parent = *home.fiber;
  const bool arrived = &parent == top.fiber;
  fiber_state* const inner = first_below(parent, arrived ? top : parent.root, &home);
  if (inner != nullptr) return &deepest(*inner);
  return arrived ? nullptr : &parent;
}

void tell(scheduler& s, fiber_state& fiber) noexcept {
  fiber.attention = true;
  if (fiber.phase != fiber_phase::ended) s.add_to_disturb(fiber);
}

}  // namespace

void notify_below(cancel_scope& node) noexcept {
  scheduler& s = *this_scheduler;
  fiber_state* const first = first_below(*node.fiber, node, nullptr);
  for (fiber_state* f = first != nullptr ? &deepest(*first) : nullptr; f != nullptr;
       f = next_below(*f, node)) {
    tell(s, *f);
  }
  tell(s, *node.fiber);
  s.disturb_some();
  s.run_stop_callbacks();
}

void disturb(fiber_state& fiber) noexcept {
  fiber.attention = true;
  request_tokens(fiber);
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

void push_edge(fiber_state& fiber, edge e) noexcept {
  fiber.more().edges.push_back(std::move(e));
  disturb(fiber);
}

void drop_record(request_record& record) noexcept {
  for (request_record* r = &record;
       r != nullptr && r->references.fetch_sub(1, std::memory_order_acq_rel) == 1;) {
    request_record* const later = r->later;
    delete r;
    r = later;
  }
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

void remember_error(fiber_state& self, known_error e) noexcept {
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
  if (e.thrower != nullptr) e.thrower->over(*e.thrower);
  if (fiber_state* child = e.child.get(); child != nullptr) {
    const fiber_extras* const extras = child->extras.get();
    const bool passed_on = extras != nullptr && extras->error_source.get() != nullptr;
    remember_error(self, {.error = e.error,
                          .source = passed_on ? extras->error_source : e.child,
                          .suppressed = extras ? extras->suppressed : error_list{}});
  }
  return std::move(e.error);
}

bool anything_pending(const fiber_state& fiber) noexcept {
  if (fiber.has_edges() || fiber.chain.no_suspend != 0) return true;
  if (this_scheduler->on_point.reached != nullptr) return true;
  const bool open_tokens = has_open_tokens(fiber);
  for (const cancel_scope* s = fiber.chain.innermost; s != nullptr; s = s->parent) {
    if (s->request != nullptr || (open_tokens && in_grace(*s))) return true;
  }
  return false;
}

void deliver(fiber_state& self, call_site where) {
  refuse_in_child("a cancellation point", where);
  if (self.chain.no_suspend != 0) die_of_suspending(self, where);
  const point_listener& on_point = this_scheduler->on_point;
  if (on_point.reached != nullptr) on_point.reached(on_point.listener, self);
  request_tokens(self);
  this_scheduler->run_stop_callbacks();
  if (!self.chain.masked) throw_pending(self, where);
  self.attention = anything_pending(self);
}

namespace {

/// A point throws again what one threw before: swallowed, unless that is still being
/// handled.
void note_repeated(scheduler& s) noexcept {
  if (!s.handling()) s.tell_of_swallowing();
}

/// The request to throw `cancelled` for. Null: there is none; then the oldest edge, if
/// there is one, was thrown.
request_record* pending_request(fiber_state& self) {
  if (cancel_scope* const s = find_cancelled(self)) {
    if (self.thrown == s->request) [[unlikely]] {
      note_repeated(*this_scheduler);
    }
    return s->request;
  }
  if (self.has_edges() && lets_edges_in(self)) std::rethrow_exception(take_edge(self));
  return nullptr;
}

}  // namespace

void throw_pending(fiber_state& self, call_site where) {
  if (request_record* const why = pending_request(self))
    self.throw_cancelled(*why, where);
}

request_record* request_or_raised(scheduler& s) {
  fiber_state& self = s.running();
  if (std::exchange(self.deadlocked, false)) {
    throw deadlock_error(s.deadlock_report);
  }
  return pending_request(self);
}

void disturb_if_masked(fiber_state& self) noexcept {
  if (self.chain.masked) disturb(self);
}

void die_of_suspending(const fiber_state& self, call_site where) noexcept {
  std::fprintf(stderr,
               "motet: fiber \"%s\" came to a cancellation point inside of no_suspend, "
               "at %s:%u: what runs there must neither park nor be unwound\n",
               name_of(self).c_str(), where.line != 0 ? where.file : "an unknown place",
               where.line);
  std::abort();
}

void leave_queue(waiter& w) noexcept {
  auto& self = static_cast<queue_waiter&>(w);
  self.queue->remove(self);
  this_scheduler->unpark(*self.fiber);
}

}  // namespace motet::detail
