// SPDX-License-Identifier: MIT
#include "lib/fiber/life.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/diagnose.hpp"
#include "lib/fiber/finalize.hpp"
#include "lib/fiber/home.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/wait_cycle.hpp"

#include <motet/error.hpp>
#include <motet/mailbox.hpp>
#include <motet/spin.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace motet::detail {

namespace {

constexpr std::size_t line = 64;

/// Stacks of equal size end at addresses that fall into the same cache sets; a different
/// offset for each keeps 512 control blocks from fighting for eight lines.
std::size_t colour_of(stack_span stack) noexcept {
  const auto page = reinterpret_cast<std::uintptr_t>(stack.high) >> 12U;
  return ((page * 11) >> 2U) % 12 * line;
}

/// @param to a power of two.
std::byte* align_down(std::byte* at, std::size_t to) noexcept {
  return at - (reinterpret_cast<std::uintptr_t>(at) & (to - 1));
}

[[noreturn]] void fiber_entry(void* argument);

void prepare_context(fiber_state& f) {
  std::byte* const top = align_down(static_cast<std::byte*>(f.body), 16);
  make_context(f.registers, f.stack.low, top, &fiber_entry, &f);
}

/// Runs the body, unless the fiber is stopped before it began.
body_end run_body(fiber_state& self) {
  try {
    if (!self.start_always) check(self);
    self.operations->invoke(self.body);
    look_for_swallowed(*this_scheduler, nullptr);
    return {};
  } catch (const cancelled&) {
    return {.error = nullptr, .unwound = true};
  } catch (...) {
    return {.error = std::current_exception(), .unwound = false};
  }
}

/// Whether the fiber is to run once more; if so, it is as new, but for its mailbox.
bool run_again(fiber_state& self, body_end& end) {
  if (!std::exchange(self.restart_pending, false)) return false;
  if (self.asked > disposition::restart) return false;
  if (find_cancelled_outside(self, self.root) != nullptr) return false;
  if (end.error) self.more().suppressed.push_back(std::exchange(end.error, nullptr));
  for (std::exception_ptr& error : take_finalizer_errors(self, self.root))
    self.more().suppressed.push_back(std::move(error));
  if (self.has_edges()) {
    for (edge& e : take_edges(self))
      self.extras->suppressed.push_back(e.error);
  }
  destroy_locals(self);
  self.operations->clear_result(self.body);
  drop_reference(std::exchange(self.reason, nullptr));
  self.asked = disposition::none;
  self.requested = false;
  self.ending = false;
  self.box.closed = false;
  self.thrown = nullptr;
  self.attention = anything_pending(self);
  return true;
}

/// Destroys what the fiber owns, as its last act: nothing gets in any more.
void destroy_belongings(fiber_state& self) noexcept {
  self.chain.wall = &self.root;
  if (self.extras) destroy_locals(self);
  if (!self.restartable) self.destroy_call();
  if (self.box.first != nullptr) clear_mailbox(self.box);
  if (self.operations->destroy_result != nullptr &&
      self.references.load(std::memory_order_acquire) == 1) {  // nobody can ask any more
    self.operations->clear_result(self.body);
  }
  self.chain.wall = nullptr;
}

/// Destructors of what it owned have spun: nobody else waits for these.
[[gnu::noinline]] void end_late_children(fiber_state& self) {
  latch(self.root, make_request(cancel_kind::parent, {}, self.spun_at));
  join(*this_scheduler, self.root);
  drop_reference(std::exchange(self.root.request, nullptr));
  for (const edge& e : take_edges(self))
    report_unhandled(self, e.error);
}

/// Whether somebody will hear of its end who reads what he hears.
[[gnu::noinline]] bool is_monitored(const fiber_extras& extras) noexcept {
  // One whose body is done reads no more notices.
  const auto hears = [](const fiber_handle& f) {
    if (f.get()->phase == fiber_phase::ended) return false;
    return !is_local(*f.get()) || !f.get()->ending;
  };
  return std::any_of(extras.monitors.begin(), extras.monitors.end(), hears);
}

/// Whether somebody waits for the fiber's end, or will hear of it, and takes its error.
bool is_observed(const fiber_state& self) noexcept {
  return !self.end_waiters.empty() || (self.extras && is_monitored(*self.extras));
}

[[gnu::noinline]] void raise_at_home(fiber_state& self, cancel_scope& home) {
  push_edge(*home.fiber, {.error = self.error, .child = fiber_handle(&self)});
}

/// Tells everybody, in this order: awaiters and monitors, then whoever it lives in.
void announce(scheduler& s, fiber_state& self) {
  cancel_scope& home = *self.root.parent;
  self.observed = is_observed(self);
  self.phase = fiber_phase::ended;
  if (self.to_disturb) s.forget_to_disturb(self);
  tell_observers(s, self);
  if (self.extras && fail_linked(self)) self.observed = true;
  --count_with(self, home);
  if (!self.restartable) {
    if (self.extras) forget_others(self);
    remove(home.children, self);
    self.root.parent = nullptr;
  }
  if (home.child_ended != nullptr) {
    home.child_ended(home, self);
  } else if (self.error && !self.observed) {
    raise_at_home(self, home);
  }
  if (home.joining) wake_joining(s, home);
}

/// Lets go of the runtime's own reference. The stack is in use until something else runs.
void retire(scheduler& s, fiber_state& self) noexcept {
  s.fiber_gone();
  if (self.references.load(std::memory_order_acquire) == 1 || drop_one(self)) {
    s.bury(self);
    self.destroy_result();
    self.~fiber_state();
  }
}

/// Whether the body returned, leaves nothing behind, and nobody asked for anything: most
/// fibers, and then there is nothing to settle.
bool ended_plainly(const fiber_state& self, const body_end& end) noexcept {
  return !end.unwound && !end.error && self.root.children.first == nullptr &&
         self.root.request == nullptr && self.extras == nullptr && !self.restart_pending;
}

/// How it ended otherwise.
[[gnu::noinline]] void settle(fiber_state& self, body_end& end) {
  end_children(self);
  while (run_again(self, end)) {
    end = run_body(self);
    end_children(self);
  }
  settle_outcome(self, std::move(end));
}

// What is rare stands in functions of its own: this one's frame is on every stack.
[[noreturn]] void fiber_entry(void* argument) {
  auto& self = *static_cast<fiber_state*>(argument);
  sanitizer_after_switch(self.sanitizer);
  scheduler& s = *this_scheduler;
  s.clear_errno();
  body_end end = run_body(self);
  self.ending = true;
  if (!ended_plainly(self, end)) [[unlikely]] {
    settle(self, end);
  }
  self.settled = true;
  destroy_belongings(self);
  if (self.root.children.first != nullptr) [[unlikely]] {
    end_late_children(self);
  }
  announce(s, self);
  const sanitizer_state known_to_sanitizers = self.sanitizer;
  if (!self.restartable) retire(s, self);
  s.leave(known_to_sanitizers);
}

}  // namespace

void tell_monitor(fiber_state& monitor, fiber_state& who) noexcept {
  const fiber_handle ended_one(&who);
  const fiber_ref ref(ended_one);
  send(&monitor, make_message_surely(ended{ref, ending(ended_one)}).release());
}

void tell_observers(scheduler& s, fiber_state& self) noexcept {
  // Those who queue up again meanwhile, as supervisors do, wait for the next end.
  const queue_waiter* const last = self.end_waiters.last;
  for (const queue_waiter* woken = nullptr; woken != last;) {
    woken = self.end_waiters.first;
    s.wake_first(self.end_waiters);
  }
  s.wake_all(self.box.senders);
  if (!self.extras) return;
  for (const fiber_handle& monitor : self.extras->monitors)
    tell_monitor(*monitor.get(), self);
}

void forget_others(fiber_state& self) noexcept {
  for (known_error& known : self.extras->known) {
    drop_reference(known.why);
  }
  self.extras->known.clear();
  self.extras->monitors.clear();
  self.extras->links.clear();
}

void end_children(fiber_state& self) {
  scheduler& s = *this_scheduler;
  drop_grace(s, self);
  self.ending = true;
  if (self.root.has_token) forget_tokens(self, self.root);
  self.reason = self.root.request;
  if (self.reason != nullptr) add_reference(*self.reason);
  if (self.root.living != 0 && self.root.request == nullptr) {
    latch(self.root, make_request(cancel_kind::parent, {}, self.spun_at));
  }
  join(s, self.root);
  drop_reference(std::exchange(self.root.request, nullptr));
}

namespace {

[[gnu::noinline]] void name_fiber(fiber_state& fresh, std::string_view name) {
  try {
    fresh.more().name = name;
  } catch (...) {
    abandon_fiber(fresh);
    throw;
  }
}

}  // namespace

new_fiber allocate_fiber(const spin_options& options, std::size_t size,
                         std::size_t align) {
  scheduler& s = here("spin");
  const stack_span stack = s.take_stack(options.stack_size, size + align);
  std::byte* const top = stack.high - colour_of(stack);
  auto* const state =
      ::new (align_down(top - sizeof(fiber_state), alignof(fiber_state))) fiber_state;
  std::byte* const body = align_down(reinterpret_cast<std::byte*>(state) - size, align);
  state->stack = stack;
  state->body = body;
  state->door = &s.door();
  state->id = s.next_id();
  state->spun_at = options.where;
  state->start_always = options.start == start_policy::always;
  state->restartable = options.restartable;
  state->box.cap = options.mailbox;
  if (!options.name.empty()) name_fiber(*state, options.name);
  return {state, body};
}

void abandon_fiber(fiber_state& fresh) noexcept {
  const stack_span stack = fresh.stack;
  fresh.~fiber_state();
  this_scheduler->fiber_gone();
  this_scheduler->give_back(stack);
}

fiber_handle start_fiber(fiber_state& fresh, const body_operations& operations,
                         cancel_scope* home) {
  scheduler& s = *this_scheduler;
  if (home == nullptr) home = &s.running().root;
  fresh.operations = &operations;
  fresh.restartable = fresh.restartable && operations.repeatable;
  fresh.root.fiber = &fresh;
  fresh.root.parent = home;
  fresh.chain.innermost = &fresh.root;
  fresh.deadlines = home->fiber->deadlines != 0 ? 1 : 0;
  append(home->children, fresh);
  ++home->living;
  sanitizer_create(fresh.sanitizer, fresh.stack);
  prepare_context(fresh);
  fresh.attention = home->fiber->attention && anything_pending(fresh);
  if (fresh.attention) [[unlikely]] {
    tell_if_stillborn(s, fresh);
  }
  fresh.references.store(2, std::memory_order_relaxed);
  s.enqueue(fresh);
  fresh.phase = fiber_phase::fresh;
  if (home->supervised_by != nullptr) [[unlikely]] {
    supervise_newcomer(*home, fresh);
  }
  return fiber_handle(&fresh, fiber_handle::adopt_t{});
}

void revive(scheduler& s, fiber_state& ended) {
  cancel_scope& home = *ended.root.parent;
  ended.operations->clear_result(ended.body);
  ended.error = nullptr;
  ended.stopped = false;
  ended.ending = false;
  ended.asked = disposition::none;
  ended.requested = false;
  ended.settled = false;
  ended.box.closed = false;  // by a restart that a stop outdid
  ended.thrown = nullptr;
  drop_reference(std::exchange(ended.reason, nullptr));
  if (ended.extras) {
    ended.extras->suppressed.clear();
    ended.extras->error_source = {};
  }
  ++count_with(ended, home);
  sanitizer_destroy(ended.sanitizer);
  sanitizer_create(ended.sanitizer, ended.stack);
  sanitizer_reuse({ended.stack.low, static_cast<std::byte*>(ended.body)});
  ended.exceptions = {};
  prepare_context(ended);
  ended.attention = anything_pending(ended);
  if (home.supervised_by != nullptr) supervise_newcomer(home, ended);
  s.enqueue(ended);
  ended.phase = fiber_phase::fresh;
}

std::exception_ptr wait_for_children(scheduler& s, cancel_scope& node) {
  struct join_waiter : waiter {
    cancel_scope* node = nullptr;
  };
  fiber_state& self = *node.fiber;
  break_cycles(s, self, node);
  join_waiter how;
  how.what = "the end of its children";
  how.node = &node;
  how.abort = [](waiter& w) noexcept {
    static_cast<join_waiter&>(w).node->joining = false;
    this_scheduler->unpark(*w.fiber);
  };
  node.joining = true;
  s.park(how);
  if (!how.aborted) return nullptr;
  if (std::exchange(self.deadlocked, false)) {
    return std::make_exception_ptr(deadlock_error(s.deadlock_report));
  }
  // What was pending before the wait stays so: leaving a scope is no point.
  if (find_cancelled(self) != nullptr) return nullptr;
  return self.has_edges() && lets_edges_in(self) ? take_edge(self) : nullptr;
}

std::exception_ptr join_or_raised(scheduler& s, cancel_scope& node) {
  while (node.living != 0 || dismiss_daemons(node)) {
    if (node.fiber->chain.no_suspend != 0) die_of_suspending(*node.fiber);
    if (std::exception_ptr raised = wait_for_children(s, node)) return raised;
  }
  join(s, node);
  return nullptr;
}

void join(scheduler& s, cancel_scope& node) {
  while (node.living != 0 || dismiss_daemons(node)) {
    if (node.fiber->chain.no_suspend != 0) die_of_suspending(*node.fiber);
    break_cycles(s, *node.fiber, node);
    waiter how;
    how.what = "the end of its children";
    node.joining = true;
    s.park(how);
  }
  while (fiber_state* const dormant = node.children.first)
    dispose(s, *dormant);
}

void dispose(scheduler& s, fiber_state& dormant) noexcept {
  scope_chain& chain = s.running().chain;
  cancel_scope* const wall = std::exchange(chain.wall, chain.innermost);
  remove(dormant.root.parent->children, dormant);
  dormant.root.parent = nullptr;
  dormant.restartable = false;
  if (dormant.extras) forget_others(dormant);
  dormant.destroy_call();
  chain.wall = wall;
  s.fiber_gone();
  drop_reference(dormant);
}

}  // namespace motet::detail
