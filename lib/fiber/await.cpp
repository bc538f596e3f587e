// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/stop_tokens.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/wait_cycle.hpp"

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

fiber_state& target_of(const fiber_handle& fiber) {
  if (fiber.get() == nullptr) throw structure_error("await of a null fiber handle");
  return *fiber.get();
}

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

/// Whether waiting for `target`, which has not ended, makes sense.
void check_waitable(const fiber_state& self, const fiber_state& target) {
  if (&self == &target) throw deadlock_error("a fiber cannot wait for its own end");
  if (!is_local(target)) throw structure_error("await of a fiber of another thread");
  if (waits_for(target, self)) {
    throw deadlock_error("waiting for fiber \"" + name_of(target) +
                         "\" would never end: it waits for this one");
  }
}

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
  if (target.phase == fiber_phase::ended) return;
  check_waitable(self, target);
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

namespace {

/// Waiting for several fibers at once.
struct group_wait : waiter {
  struct place : queue_waiter {
    group_wait* group = nullptr;
    const fiber_handle* target = nullptr;

    place() = default;
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
      if (queue != nullptr) queue->remove(*this);
    }
  };

  std::vector<place> places;
  std::size_t left = 0;                  ///< How many have not ended.
  const fiber_handle* failed = nullptr;  ///< The first of them that did.
  bool until_failure = false;
  bool parked = false;

  [[nodiscard]] bool is_over() const noexcept {
    return left == 0 || (until_failure && failed != nullptr);
  }

  void hear_of_end(const fiber_handle& ended) noexcept {
    --left;
    if (failed == nullptr && ended.get()->error) failed = &ended;
    if (parked && is_over()) {
      parked = false;
      this_scheduler->unpark(*fiber);
    }
  }

  /// Takes a place with each; those that have ended already are heard of at once.
  void watch(const fiber_ref* const* fibers, std::size_t count) {
    places = std::vector<place>(count);
    left = count;
    for (std::size_t i = 0; i < count; ++i) {
      place& p = places[i];
      p.what = what;
      p.fiber = fiber;
      p.group = this;
      p.target = &fibers[i]->state_handle();
      p.taken = [](queue_waiter& w) noexcept {
        auto& mine = static_cast<place&>(w);
        mine.group->hear_of_end(*mine.target);
      };
      fiber_state& target = target_of(*p.target);
      if (target.phase == fiber_phase::ended) {
        hear_of_end(*p.target);
      } else {
        check_waitable(*fiber, target);
        target.end_waiters.push(p);
      }
    }
  }

  /// Until all have ended, or one has failed and that is enough.
  void wait(scheduler& s) {
    if (is_over()) return;
    parked = true;
    park(s, *this);
  }
};

}  // namespace

namespace {

/// Waits for the end of all; their errors are the waiting fiber's business then.
void wait_for_group(scheduler& s, group_wait& group, const fiber_ref* const* fibers,
                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    withdraw_edge(s.running(), target_of(fibers[i]->state_handle()));
  }
  group.what = "the end of several fibers";
  group.fiber = &enter_point(s);
  group.abort = [](waiter& w) noexcept {
    static_cast<group_wait&>(w).parked = false;
    this_scheduler->unpark(*w.fiber);
  };
  group.watch(fibers, count);
  group.wait(s);
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
  group_wait group;
  wait_for_group(s, group, fibers, count);
}

MOTET_JUMPS_BACK void await_all_ended(const fiber_ref* const* fibers, std::size_t count) {
  scheduler& s = here("await_all");
  group_wait group;
  group.until_failure = true;
  wait_for_group(s, group, fibers, count);
  if (group.failed == nullptr) return;
  for (std::size_t i = 0; i < count; ++i)
    fibers[i]->stop("another one of them failed");
  for (std::size_t i = 0; i < count; ++i)
    join_fiber(s, *fibers[i]->get());
  throw_end(*group.failed, false);
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

std::stop_token stop_token() {
  if (detail::this_scheduler == nullptr) return {};
  return take_token(detail::this_scheduler->running());
}

bool cancel_pending() noexcept {
  if (detail::this_scheduler == nullptr) return false;
  const detail::fiber_state& self = detail::this_scheduler->running();
  return self.attention &&
         (find_cancelled(self) != nullptr || (self.has_edges() && lets_edges_in(self)));
}

}  // namespace this_fiber

}  // namespace motet
