// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/stop_tokens.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/wait_cycle.hpp"

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

[[gnu::always_inline]] inline void wait_for(const fiber_handle& fiber, call_site where) {
  scheduler& s = here("await");
  fiber_state& target = target_of(fiber);
  // Whoever joins a child takes its error from here, not as an exception out of the blue.
  fiber_state& self = s.running();
  const bool taken = withdraw_edge(self, target);
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

/// Children's errors that were to be thrown here, and which a wait takes over.
class taken_edges {
 public:
  explicit taken_edges(fiber_state& self) noexcept : self_(self) {}
  taken_edges(const taken_edges&) = delete;
  taken_edges& operator=(const taken_edges&) = delete;
  /// What nobody kept is to be thrown here again.
  ~taken_edges() {
    for (const fiber_handle& child : taken_)
      push_edge(self_, {.error = child.get()->error, .child = child});
  }

  void take(const fiber_handle& child) {
    if (taken_.size() == taken_.capacity()) taken_.reserve(2 * taken_.size() + 1);
    if (withdraw_edge(self_, target_of(child))) taken_.push_back(child);
  }
  void keep(const fiber_handle& child) noexcept {
    std::erase_if(taken_, [&](const fiber_handle& f) { return f.get() == child.get(); });
  }
  void keep_all() noexcept { taken_.clear(); }

 private:
  fiber_state& self_;
  std::vector<fiber_handle> taken_;
};

enum class until : std::uint8_t { all, failure, first };

/// Waiting for several fibers at once: until all have ended, or one of them fails, or the
/// first ends.
struct group_wait : waiter {
  struct place : queue_waiter {
    group_wait* group = nullptr;
  };

  const fiber_ref* const* fibers;
  std::size_t count;
  until end;
  std::vector<place> places;
  std::size_t left = 0;    ///< How many have not ended.
  std::size_t decided_by;  ///< The number of the one that ends the wait early.
  bool parked = false;

  group_wait(const fiber_ref* const* list, std::size_t size, until how) noexcept
      : fibers(list), count(size), end(how), decided_by(size) {
    what = how == until::first ? "the end of one of several fibers"
                               : "the end of several fibers";
    abort = [](waiter& w) noexcept {
      static_cast<group_wait&>(w).leave();
      this_scheduler->unpark(*w.fiber);
    };
  }
  group_wait(const group_wait&) = delete;
  group_wait& operator=(const group_wait&) = delete;
  ~group_wait() { leave(); }

  [[nodiscard]] const fiber_handle& target(std::size_t i) const noexcept {
    return fibers[i]->state_handle();
  }
  [[nodiscard]] bool over() const noexcept { return left == 0 || decided_by != count; }

  /// Takes a place with each; those that have ended already are heard of at once.
  void watch() {
    places = std::vector<place>(count);
    left = count;
    for (std::size_t i = 0; i < count; ++i) {
      fiber_state& f = target_of(target(i));
      if (f.phase == fiber_phase::ended) {
        hear_of_end(i);
        if (over()) return;
        continue;
      }
      place& p = places[i];
      p.what = what;
      // One of several that may end first cannot close a circle.
      p.fiber = end == until::first ? nullptr : fiber;
      p.group = this;
      p.taken = [](queue_waiter& w) noexcept {
        auto& mine = static_cast<place&>(w);
        mine.group->hear_of_end(static_cast<std::size_t>(&mine - &mine.group->places[0]));
      };
      f.end_waiters.push(p);
    }
  }

  void hear_of_end(std::size_t i) noexcept {
    --left;
    const bool decides = end == until::first ||
                         (end == until::failure && target(i).get()->error != nullptr);
    if (decides && decided_by == count) decided_by = i;
    if (!parked || !over()) return;
    // From now on the others' errors are no business of this wait.
    if (end == until::first) leave();
    parked = false;
    this_scheduler->unpark(*fiber);
  }

  void leave() noexcept {
    parked = false;
    for (place& p : places) {
      if (p.queue != nullptr) p.queue->remove(p);
    }
  }

  void wait(scheduler& s) {
    if (over()) return;
    parked = true;
    park(s, *this);
  }
};

/// The errors of the others stand behind the one that is thrown.
void introduce_errors(fiber_state& self, const group_wait& group) {
  const fiber_handle& thrown = group.target(group.decided_by);
  introduce_error(self, thrown);
  auto& behind = self.extras->known.back().suppressed;
  for (std::size_t i = 0; i < group.count; ++i) {
    const std::exception_ptr& error = group.target(i).get()->error;
    if (error && error != thrown.get()->error) behind.push_back(error);
  }
}

/// Throws if the wait of `self` could never end.
void check_group(const fiber_state& self, const group_wait& group) {
  bool hope = false;  // of the first, when others cannot end before `self` does
  for (std::size_t i = 0; i < group.count; ++i) {
    const fiber_state& target = target_of(group.target(i));
    const bool ended = target.phase == fiber_phase::ended;
    hope = hope || ended || (&self != &target && !waits_for(target, self));
    if (!ended && (group.end != until::first || !is_local(target)))
      check_waitable(self, target);
  }
  if (!hope && group.count != 0) check_waitable(self, *group.target(0).get());
}

/// Waits; then the errors of those that counted are the waiting fiber's business.
void wait_for_group(scheduler& s, group_wait& group, call_site where) {
  fiber_state& self = s.running();
  taken_edges taken(self);
  const auto take_all = [&] {
    for (std::size_t i = 0; i < group.count; ++i)
      taken.take(group.target(i));
  };
  take_all();
  group.where = where;
  group.fiber = &enter_point(s, where);
  take_all();  // of those that failed while others were let run
  check_group(self, group);
  group.watch();
  group.wait(s);
  if (group.end == until::first) {
    taken.keep(group.target(group.decided_by));
  } else {
    taken.keep_all();
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
  wait_for_group(s, group, where);
}

void await_all_ended(const fiber_ref* const* fibers, std::size_t count, call_site where) {
  scheduler& s = here("await_all");
  group_wait group(fibers, count, until::failure);
  wait_for_group(s, group, where);
  if (group.decided_by == count) return;
  for (std::size_t i = 0; i < count; ++i)
    fibers[i]->stop("another one of them failed", where);
  for (std::size_t i = 0; i < count; ++i)
    join_fiber(s, *fibers[i]->get());
  introduce_errors(s.running(), group);
  std::rethrow_exception(group.target(group.decided_by).get()->error);
}

std::size_t first_ended(const fiber_ref* const* fibers, std::size_t count,
                        call_site where) {
  scheduler& s = here("first_of");
  if (count == 0) throw structure_error("first_of none would never end");
  group_wait group(fibers, count, until::first);
  wait_for_group(s, group, where);
  return group.decided_by;
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
