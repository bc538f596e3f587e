// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/stop_tokens.hpp"
#include "lib/fiber/group_wait.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/await.hpp>
#include <motet/cancel_on.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/interrupt_all.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace motet {

namespace detail {

namespace {

/// Whether a verb stopped it, so that an awaiter of nothing is content.
bool stopped_by_verb(const fiber_state& fiber) noexcept {
  if (fiber.asked != disposition::stop || fiber.reason == nullptr) return false;
  const cancel_kind kind = fiber.reason->why.kind;
  return kind != cancel_kind::signal && kind != cancel_kind::parent;
}

}  // namespace

void introduce_error(fiber_state& self, const fiber_handle& from) {
  const fiber_extras* const extras = from.get()->extras.get();
  known_error known{.error = from.get()->error, .source = from};
  if (extras != nullptr) {
    if (extras->error_source.get() != nullptr) known.source = extras->error_source;
    known.suppressed = extras->suppressed;
  }
  known.why = from.get()->reason;
  if (known.why != nullptr) add_reference(*known.why);
  remember_error(self, std::move(known));
}

namespace {

void wait_abroad(scheduler& s, const fiber_handle& fiber, call_site where) {
  const fiber_ref ref(fiber);
  const fiber_ref* const one = &ref;
  group_wait(&one, 1, until::all).wait(s, where);
}

[[gnu::always_inline]] inline void wait_for(const fiber_handle& fiber, call_site where) {
  scheduler& s = here("await");
  fiber_state& target = target_of(fiber);
  if (target.door != &s.door()) [[unlikely]] {
    return wait_abroad(s, fiber, where);
  }
  // Whoever joins a child takes its error from here, not as an exception out of the blue.
  fiber_state& self = s.running();
  const bool taken = self.has_edges() && withdraw_edge(self, target);
  try {
    enter_point(s, where);
  } catch (...) {
    // It did not come to waiting: the child's error is the parent's again.
    if (taken && target.error) push_edge(self, {.error = target.error, .child = fiber});
    throw;
  }
  if (target.phase == fiber_phase::ended) {
    withdraw_edge(self, target);  // it may have failed while others were let run above
    return;
  }
  check_waitable(self, target);
  wait_in(s, target.end_waiters, "the end of a fiber", where);
}

void throw_end(const fiber_handle& fiber, bool has_result) {
  const fiber_state& target = *fiber.get();
  if (target.error) {
    introduce_error(this_scheduler->running(), fiber);
    std::rethrow_exception(target.error);
  }
  if (has_result || !stopped_by_verb(target)) throw fiber_stopped(target.reason->why);
}

}  // namespace

void check_end(const fiber_handle& fiber, bool has_result) {
  if (fiber.get()->error || fiber.get()->stopped) throw_end(fiber, has_result);
}

MOTET_JUMPS_BACK void wait_for_end(const fiber_handle& fiber, call_site where) {
  wait_for(fiber, where);
}

MOTET_JUMPS_BACK void await_value(const fiber_handle& fiber, bool has_result,
                                  call_site where) {
  wait_for(fiber, where);
  const fiber_state& target = *fiber.get();
  if (target.error || target.stopped) [[unlikely]] {
    throw_end(fiber, has_result);
  }
}

void throw_taken() {
  throw structure_error("the fiber's value can only be moved, and somebody has taken it");
}

namespace {

/// The errors of the others stand behind the one that is thrown.
void introduce_errors(fiber_state& self, const group_wait& group) {
  const fiber_handle& thrown = group.target(group.decided_by());
  introduce_error(self, thrown);
  auto& behind = self.extras->known.back().suppressed;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::exception_ptr& error = group.target(i).get()->error;
    if (error && error != thrown.get()->error) behind.push_back(error);
  }
}

}  // namespace

void interrupt_each(const fiber_ref* const* fibers, std::size_t count,
                    std::string_view why, call_site where) {
  scheduler& s = here("interrupt_all");
  for (std::size_t i = 0; i < count; ++i) {
    if (&target_of(fibers[i]->state_handle()) == &s.running())
      throw deadlock_error("a fiber cannot interrupt itself: stop it");
  }
  for (std::size_t i = 0; i < count; ++i)
    fibers[i]->stop(why, where);
  group_wait group(fibers, count, until::all);
  group.wait(s, where);
}

void await_all_ended(const fiber_ref* const* fibers, std::size_t count, call_site where) {
  scheduler& s = here("await_all");
  group_wait group(fibers, count, until::failure);
  group.wait(s, where);
  if (group.decided_by() == count) return;
  for (std::size_t i = 0; i < count; ++i)
    fibers[i]->stop("another one of them failed", where);
  for (std::size_t i = 0; i < count; ++i)
    join_fiber(s, *fibers[i]->get());
  introduce_errors(s.running(), group);
  std::rethrow_exception(group.target(group.decided_by()).get()->error);
}

std::size_t first_ended(const fiber_ref* const* fibers, std::size_t count,
                        call_site where) {
  scheduler& s = here("first_of");
  if (count == 0) throw structure_error("first_of none would never end");
  group_wait group(fibers, count, until::first);
  group.wait(s, where);
  return group.decided_by();
}

}  // namespace detail

scoped_fiber::~scoped_fiber() {
  detail::fiber_state* const fiber = fiber_.get();
  if (fiber == nullptr || fiber->phase == fiber_phase::ended) return;
  fiber_.stop("its scoped_fiber went out of scope");
  detail::join_fiber(*detail::this_scheduler, *fiber);
}

std::vector<ending> interrupt_all(std::initializer_list<fiber_ref> fibers,
                                  std::string_view why, call_site where) {
  return interrupt_all<std::initializer_list<fiber_ref>>(fibers, why, where);
}

namespace this_fiber {

fiber_ref self() noexcept {
  if (detail::this_scheduler == nullptr) return {};
  detail::fiber_state& running = detail::this_scheduler->running();
  // Between two fibers, code may run on the stack of one that is parked.
  const fiber_phase phase = running.phase;
  if (phase != fiber_phase::running && phase != fiber_phase::ended) return {};
  return fiber_ref(detail::fiber_handle(&running));
}

std::uint64_t id() noexcept {
  return detail::this_scheduler == nullptr ? 0 : detail::this_scheduler->running().id;
}

std::string name() {
  return detail::this_scheduler == nullptr ? "none"
                                           : name_of(detail::this_scheduler->running());
}

time_point deadline() noexcept {
  if (detail::this_scheduler == nullptr) return time_point::max();
  return detail::deadline_of(detail::this_scheduler->running());
}

detail::token_box stop_token() {
  if (detail::this_scheduler == nullptr) return {};
  return detail::token_box(take_token(detail::this_scheduler->running()));
}

bool cancel_pending() noexcept {
  if (detail::this_scheduler == nullptr) return false;
  const detail::fiber_state& self = detail::this_scheduler->running();
  return self.attention &&
         (find_cancelled(self) != nullptr || (self.has_edges() && lets_edges_in(self)));
}

}  // namespace this_fiber

}  // namespace motet
