// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Who is asked to stop, who can see it, and what a point throws.
///
/// A request is latched on a node of the cancel tree and pushed down once: every fiber
/// below gets its attention flag, and parked ones are aborted. A point looks at that flag
/// only; with it set, it walks its scopes from the inside out.

#include "lib/context/jump_back.hpp"
#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/cancel.hpp>
#include <motet/detail/cancel_scope.hpp>

#include <exception>
#include <string>
#include <utility>

namespace motet::detail {

/// How many exceptions are in flight on the fiber, running or not.
[[nodiscard]] unsigned uncaught_in(const fiber_state& fiber) noexcept;

/// The tokens that were asked for in a node are never requested any more.
void forget_tokens(fiber_state& fiber, cancel_scope& node) noexcept;

/// Opens and closes a node as the innermost of the running fiber.
inline void open_scope(scheduler& s, cancel_scope& node) noexcept {
  fiber_state& self = s.running();
  scope_chain& chain = self.chain;
  node.parent = chain.innermost;
  node.fiber = &self;
  node.uncaught = s.uncaught();
  node.cut = chain.wall == chain.innermost || node.uncaught > node.parent->uncaught;
  chain.innermost = &node;
}
inline void close_scope(fiber_state& self, cancel_scope& node) noexcept {
  MOTET_EXPECT(self.chain.innermost == &node);
  MOTET_EXPECT(node.children.first == nullptr);
  self.chain.innermost = node.parent;
  if (node.has_token) forget_tokens(self, node);
  if (node.request != nullptr) {
    if (self.thrown == node.request) self.thrown = nullptr;
    drop_reference(std::exchange(node.request, nullptr));
  }
}

/// The outermost cancelled node that can be seen from where the fiber is; null if none.
[[nodiscard]] cancel_scope* find_cancelled(const fiber_state& fiber) noexcept;
/// The same from outside of `node`: what its parent, or who is further out, was asked.
[[nodiscard]] cancel_scope* find_cancelled_outside(const fiber_state& fiber,
                                                   const cancel_scope& node) noexcept;

/// The soonest deadline in the fiber's sight; `time_point::min()` if it is cancelled.
[[nodiscard]] time_point deadline_of(const fiber_state& fiber) noexcept;

/// Whether exceptions raised into the fiber get in now.
[[nodiscard]] bool lets_edges_in(const fiber_state& fiber) noexcept;

/// Asks a node to stop. The first request counts; a later one is kept behind it. Takes
/// over the record. @returns whether it was the first.
bool latch(cancel_scope& node, request_record* why) noexcept;
/// Tells all below a node that it is cancelled.
void notify_below(cancel_scope& node) noexcept;
/// Makes the fiber look: cuts its wait short if it would throw.
void disturb(fiber_state& fiber) noexcept;

/// Queues an exception for the fiber.
void push_edge(fiber_state& fiber, edge e) noexcept;
/// Takes out the oldest exception that was raised into the fiber, to be thrown now.
[[nodiscard]] std::exception_ptr take_edge(fiber_state& fiber);
/// Takes back a child's error that was not thrown yet. @returns whether there was one.
bool withdraw_edge(fiber_state& fiber, const fiber_state& child) noexcept;

/// Whether anything is pending for the fiber, in its sight or not.
[[nodiscard]] bool anything_pending(const fiber_state& fiber) noexcept;

/// Throws what there is to throw at the point `where`: `cancelled`, else the oldest edge.
/// Else returns.
void throw_pending(fiber_state& self, call_site where);
/// What a point does that finds the attention flag set: as above, unless masked.
void deliver(fiber_state& self, call_site where = {});
/// Ends the process: the fiber is in a `no_suspend` block.
[[noreturn]] void die_of_suspending(const fiber_state& self,
                                    call_site where = {}) noexcept;

/// A block of the fiber that runs was left as if nothing had been thrown: tells if a
/// `cancelled` was. @param node the block's; null: the fiber's body.
inline void look_for_swallowed(scheduler& s, const cancel_scope* node) noexcept {
  const request_record* const thrown = s.running().thrown;
  if (thrown == nullptr || s.handling()) [[likely]] {
    return;
  }
  if (node == nullptr || node->request == thrown) s.tell_of_swallowing();
}

/// What every point does first.
inline void check(fiber_state& self, call_site where = {}) {
  if (self.attention) [[unlikely]] {
    deliver(self, where);
  }
}

/// The start of a point that may not park: throws what is pending, and lets others run if
/// the fiber has not parked for long.
inline fiber_state& enter_point(scheduler& s, call_site where = {}) {
  s.spend();
  fiber_state& self = s.running();
  check(self, where);
  return self;
}

/// The same for a short way: the running fiber, if it may go on at once. Null: the long
/// way begins with `here` and `enter_point`.
[[nodiscard, gnu::always_inline]] inline fiber_state* enter_at_once() noexcept {
  scheduler* const s = this_scheduler;
  if (s == nullptr || !s->spends()) [[unlikely]] {
    return nullptr;
  }
  fiber_state& self = s->running();
  if (self.attention) [[unlikely]] {
    return nullptr;
  }
  return &self;
}

/// For points without a result to lose: looks once more, at the clock too.
inline void look_again() {
  fiber_state& self = this_scheduler->running();
  if (self.deadlines != 0) [[unlikely]] {
    this_scheduler->expire_timers();
  }
  check(self);
}

/// The request that has cut the wait of the running fiber short; null if none is to be
/// thrown. What was raised into it is thrown here.
[[nodiscard]] request_record* request_or_raised(scheduler& s);

/// Throws what cut the wait of the running fiber short. Inlined: that leaves two frames
/// less to unwind.
[[gnu::always_inline]] inline void deliver_after_abort(scheduler& s, call_site where) {
  if (request_record* const why = request_or_raised(s)) {
    s.running().throw_cancelled(*why, where);
  }
}

/// For a wait that begins: a mask left it to the wait to look.
void disturb_if_masked(fiber_state& self) noexcept;

/// Parks in `how`; then throws if the wait was cut short.
[[gnu::always_inline]] inline void park(scheduler& s, waiter& how) {
  s.park(how, &disturb_if_masked);
  if (how.aborted) [[unlikely]] {
    deliver_after_abort(*this_scheduler, how.where);
  }
}

/// How a place in a wait queue is given up.
void leave_queue(waiter& w) noexcept;

/// Parks in a wait queue until taken out of it.
[[gnu::always_inline]] inline void wait_in(scheduler& s, wait_queue& queue,
                                           const char* what, call_site where = {}) {
  queue_waiter how;
  how.what = what;
  how.where = where;
  how.abort = &leave_queue;
  queue.push(how);
  park(s, how);
}

/// "250 ms", for messages.
[[nodiscard]] std::string describe_span(duration span);

/// Notes that `error`, about to be thrown into `self`, arose elsewhere.
void remember_error(fiber_state& self, known_error e) noexcept;

}  // namespace motet::detail
