// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>

#include <optional>
#include <utility>

namespace motet {

namespace detail {

namespace {

fiber_state& target_of(const fiber_handle& fiber) {
  if (fiber.get() == nullptr) throw structure_error("await of a null fiber handle");
  return *fiber.get();
}

/// Whether a verb stopped it, so that an awaiter of nothing is content.
bool stopped_by_verb(const fiber_state& fiber) noexcept {
  return fiber.asked == disposition::stop && fiber.reason != nullptr &&
         fiber.reason->why.kind != cancel_kind::signal;
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

[[gnu::always_inline]] inline void wait_for(const fiber_handle& fiber) {
  scheduler& s = here("await");
  fiber_state& target = target_of(fiber);
  // Whoever joins a child takes its error from here, not as an exception out of the blue.
  fiber_state& self = s.running();
  const bool taken = withdraw_edge(self, target);
  try {
    enter_point(s);
  } catch (...) {
    // It did not come to waiting: the child's error is the parent's again.
    if (taken && target.error) push_edge(self, {.error = target.error, .child = fiber});
    throw;
  }
  if (&self == &target) throw deadlock_error("a fiber cannot wait for its own end");
  if (target.phase == fiber_phase::ended) return;
  if (!is_local(target)) {
    throw structure_error("await of a fiber of another thread");
  }
  wait_in(s, target.end_waiters, "the end of a fiber");
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

MOTET_JUMPS_BACK void wait_for_end(const fiber_handle& fiber) {
  wait_for(fiber);
}

MOTET_JUMPS_BACK void await_value(const fiber_handle& fiber, bool has_result) {
  wait_for(fiber);
  const fiber_state& target = *fiber.get();
  if (target.error || target.stopped) [[unlikely]] {
    throw_end(fiber, has_result);
  }
}

void throw_taken() {
  throw structure_error("the fiber's value can only be moved, and somebody has taken it");
}

void await_all_ended(const fiber_ref* const* fibers, std::size_t count) {
  if (count == 0) enter_point(here("await_all"));
  std::exception_ptr first;
  for (std::size_t i = 0; i < count; ++i) {
    try {
      await_value(fibers[i]->state_handle(), false);
    } catch (const cancelled&) {
      throw;
    } catch (const structure_error&) {
      throw;
    } catch (...) {
      first = std::current_exception();
      for (std::size_t k = 0; k < count; ++k)
        fibers[k]->stop();
      for (std::size_t k = 0; k < count; ++k) {
        if (fibers[k]->get() != nullptr) join_fiber(*this_scheduler, *fibers[k]->get());
      }
      break;
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace detail

scoped_fiber::~scoped_fiber() {
  detail::fiber_state* const fiber = fiber_.get();
  if (fiber == nullptr || fiber->phase == fiber_phase::ended) return;
  fiber_.stop("its scoped_fiber went out of scope");
  detail::join_fiber(*detail::this_scheduler, *fiber);
}

namespace this_fiber {

fiber_ref self() noexcept {
  if (detail::this_scheduler == nullptr) return {};
  return fiber_ref(detail::fiber_handle(&detail::this_scheduler->running()));
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

bool cancel_pending() noexcept {
  if (detail::this_scheduler == nullptr) return false;
  const detail::fiber_state& self = detail::this_scheduler->running();
  return self.attention &&
         (find_cancelled(self) != nullptr || (self.has_edges() && lets_edges_in(self)));
}

}  // namespace this_fiber

}  // namespace motet
