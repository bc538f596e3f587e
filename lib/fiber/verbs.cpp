// SPDX-License-Identifier: MIT
#include "lib/fiber/verbs.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/group_wait.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/detail/timed_scope.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace motet {

namespace detail {

request_record* make_request(cancel_kind kind, std::string_view why,
                             call_site where) noexcept {
  cancel_reason reason{
      .kind = kind, .message = {}, .source = {}, .where = where, .at = clock::now()};
  try {
    reason.message = why;
  } catch (const std::bad_alloc&) {  // who asked, and where, is said all the same
  }
  if (this_scheduler != nullptr) reason.source = this_fiber::self();
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): its own, which does not throw
  return new request_record(std::move(reason));
}

namespace {

/// @returns the request that was to come after it; null if it has, or there was none.
request_record* end_grace(scheduler& s, fiber_state& fiber) noexcept {
  if (!fiber.extras || !fiber.extras->grace) return nullptr;
  const auto grace = std::move(fiber.extras->grace);
  if (grace->armed()) s.timers().remove(*grace);
  return grace->why;
}

}  // namespace

bool ask(fiber_state& fiber, disposition what, request_record* why) noexcept {
  if (fiber.phase == fiber_phase::ended || fiber.ending) {
    drop_reference(why);
    return false;
  }
  if (fiber.asked > disposition::restart) {
    // The first meaning holds; but a stop that was to come after a grace comes now.
    request_record* const first = end_grace(*this_scheduler, fiber);
    if (first == nullptr) return latch(fiber.root, why);
    first->later = why;
    return latch(fiber.root, first);
  }
  if (fiber.asked == disposition::restart && fiber.root.request != nullptr) {
    why->later = std::exchange(fiber.root.request, why);
    fiber.asked = what;
    return true;
  }
  fiber.asked = what;
  latch(fiber.root, why);
  return true;
}

void drop_grace(scheduler& s, fiber_state& fiber) noexcept {
  drop_reference(end_grace(s, fiber));
}

namespace {

void on_grace_over(timer& t) noexcept {
  auto& grace = static_cast<grace_timer&>(t);
  latch(grace.fiber->root, std::exchange(grace.why, nullptr));
}

/// A grace that is running ends sooner, if `when` is sooner.
bool shorten_grace(fiber_state& fiber, time_point when, request_record* why) {
  grace_timer* const grace = fiber.extras ? fiber.extras->grace.get() : nullptr;
  const bool sooner = grace != nullptr && grace->armed() && when < grace->deadline;
  if (sooner) this_scheduler->timers().move(*grace, when, timer_heap::rank::scope);
  drop_reference(why);
  return sooner;
}

bool begin_grace(fiber_state& fiber, duration grace, request_record* why) {
  if (fiber.phase == fiber_phase::ended || fiber.ending) {
    drop_reference(why);
    return false;
  }
  scheduler& s = *this_scheduler;
  const time_point when = add_saturated(s.time().not_before_now(), grace);
  if (fiber.asked > disposition::restart) return shorten_grace(fiber, when, why);
  fiber_extras& extras = fiber.more();
  std::unique_ptr<grace_timer> timer;
  try {
    timer = std::make_unique<grace_timer>();
    timer->deadline = when;
    s.timers().add(*timer, timer_heap::rank::scope);
  } catch (...) {
    drop_reference(why);
    throw;
  }
  timer->expired = &on_grace_over;
  timer->fiber = &fiber;
  timer->why = why;
  fiber.asked = disposition::stop;
  extras.grace = std::move(timer);
  notify_below(fiber.root);  // tokens are requested now, fibers once the grace is over
  return true;
}

bool restart_ended(fiber_state& fiber) {
  const cancel_scope* const home = fiber.root.parent;
  if (!fiber.restartable || home == nullptr || home->fiber->ending) return false;
  clear_mailbox(fiber.box);
  revive(*this_scheduler, fiber);
  return true;
}

/// Takes over the record.
bool restart_fiber(fiber_state& fiber, request_record* why) {
  const bool ended = fiber.phase == fiber_phase::ended;
  const bool refused = fiber.asked > disposition::restart || fiber.settled ||
                       !fiber.operations->repeatable;
  if (ended || refused) {
    drop_reference(why);
    return ended && restart_ended(fiber);
  }
  clear_mailbox(fiber.box);
  if (fiber.phase == fiber_phase::fresh) {  // what it will do first is what is asked for
    drop_reference(why);
    return true;
  }
  close_mailbox(fiber.box);
  fiber.restart_pending = true;
  if (fiber.asked == disposition::restart || fiber.ending) {
    drop_reference(why);
  } else {
    fiber.asked = disposition::restart;
    latch(fiber.root, why);
  }
  return true;
}

bool raise_into(fiber_state& fiber, std::exception_ptr error) {
  if (fiber.phase == fiber_phase::ended || fiber.ending || !error) return false;
  push_edge(fiber, {.error = std::move(error), .child = {}});
  return true;
}

}  // namespace

void expire_graces(fiber_state& fiber) noexcept {
  this_scheduler->graces_over = true;
  walk_tree(fiber, [](fiber_state& f, std::size_t) {
    for (cancel_scope* n = f.chain.innermost; n != nullptr && n->fiber == &f;
         n = n->parent) {
      if (n->grace) timed_scope::of(*n).expire();
    }
    if (f.box.deputy != nullptr) post_to(*f.box.deputy, &expire_graces);
    if (!f.extras || !f.extras->grace || !f.extras->grace->armed()) return;
    this_scheduler->timers().remove(*f.extras->grace);
    on_grace_over(*f.extras->grace);
  });
}

void join_fiber(scheduler& s, fiber_state& fiber) noexcept {
  const fiber_ref ref{fiber_handle(&fiber)};
  const fiber_ref* const one = &ref;
  while (fiber.phase != fiber_phase::ended) {
    if (s.running().chain.no_suspend != 0) die_of_suspending(s.running());
    group_wait(&one, 1, until::all).wait_shielded(s);
  }
}

bool move_on(const fiber_handle& fiber, function_ref<void(void*)> store,
             call_site where) {
  fiber_state* const f = fiber.get();
  if (f == nullptr || f->phase == fiber_phase::ended) return false;
  if (!is_local(*f)) {
    throw structure_error(
        "move_on of a fiber of another thread with a value that cannot "
        "be moved there");
  }
  if (f->ending) return false;
  if (f->asked <= disposition::restart) store(f->body);
  return ask(*f, disposition::move_on, make_request(cancel_kind::move_on, {}, where));
}

bool move_on_abroad(const fiber_handle& fiber, message_ptr value,
                    void (*store)(void* slot, message& from), call_site where) {
  record_ptr why(make_request(cancel_kind::move_on, {}, where));
  return post_to(*fiber.get(), [value = std::move(value), store,
                                why = std::move(why)](fiber_state& f) mutable {
    if (f.phase == fiber_phase::ended || f.ending) return;
    if (f.asked <= disposition::restart) store(f.body, *value);
    ask(f, disposition::move_on, why.release());
  });
}

bool is_of_this_thread(const fiber_state* fiber) noexcept {
  return fiber == nullptr || is_local(*fiber);
}

void* result_of(fiber_state& fiber) noexcept {
  return fiber.body;
}

}  // namespace detail

using detail::disposition;
using detail::fiber_state;
using detail::make_request;
using detail::on_owner;

namespace {

bool ask_from_outside(fiber_state* fiber, disposition what, cancel_kind kind,
                      std::string_view why, call_site where) {
  if (fiber == nullptr || fiber->phase == fiber_phase::ended) return false;
  if (detail::is_local(*fiber)) return ask(*fiber, what, make_request(kind, why, where));
  detail::record_ptr record(make_request(kind, why, where));
  return detail::post_to(*fiber,
                         [what, record = std::move(record)](fiber_state& f) mutable {
                           ask(f, what, record.release());
                         });
}

}  // namespace

bool fiber_ref::stop(std::string_view why, call_site where) const {
  return ask_from_outside(get(), disposition::stop, cancel_kind::stop, why, where);
}

bool fiber_ref::cancel(std::string_view why, call_site where) const {
  return ask_from_outside(get(), disposition::cancel, cancel_kind::cancel, why, where);
}

bool fiber_ref::cancel_with(std::exception_ptr error, call_site where) const {
  fiber_state* const fiber = get();
  if (fiber == nullptr) return false;
  return on_owner(*fiber, [error = std::move(error), where](fiber_state& f) {
    if (f.phase == fiber_phase::ended || f.ending) return false;
    if (f.asked <= disposition::restart) f.more().cancel_error = error;
    return ask(
        f, disposition::cancel,
        make_request(cancel_kind::cancel, detail::describe_if_possible(error), where));
  });
}

bool fiber_ref::terminate(duration grace, call_site where) const {
  if (grace <= duration::zero()) {
    return ask_from_outside(get(), disposition::stop, cancel_kind::terminate, {}, where);
  }
  fiber_state* const fiber = get();
  if (fiber == nullptr) return false;
  return on_owner(*fiber, [grace, where](fiber_state& f) {
    return detail::begin_grace(f, grace, make_request(cancel_kind::terminate, {}, where));
  });
}

bool fiber_ref::restart(call_site where) const {
  fiber_state* const fiber = get();
  if (fiber == nullptr) return false;
  if (fiber->is_main()) throw structure_error("the main fiber cannot be restarted");
  if (!detail::is_local(*fiber) && fiber->phase == fiber_phase::ended) return false;
  return on_owner(*fiber, [where](fiber_state& f) {
    return detail::restart_fiber(f, make_request(cancel_kind::restart, {}, where));
  });
}

bool fiber_ref::raise(std::exception_ptr error) const {
  fiber_state* const fiber = get();
  if (fiber == nullptr) return false;
  return on_owner(*fiber, [error = std::move(error)](fiber_state& f) {
    return detail::raise_into(f, error);
  });
}

bool fiber_ref::raise(std::string_view text) const {
  return raise(std::make_exception_ptr(std::runtime_error(std::string(text))));
}

ending fiber_ref::interrupt(std::string_view why, call_site where) const {
  detail::scheduler& s = detail::here("interrupt");
  if (get() == &s.running())
    throw deadlock_error("a fiber cannot interrupt itself: stop it");
  ask_from_outside(get(), disposition::stop, cancel_kind::stop, why, where);
  return wait(where);
}

ending fiber_ref::wait(call_site where) const {
  detail::wait_for_end(state_, where);
  return ending(state_);
}

namespace {

/// @returns whether it was none yet.
bool add_monitor(fiber_state& fiber, const detail::fiber_handle& monitor) {
  auto& monitors = fiber.more().monitors;
  const bool known = std::any_of(monitors.begin(), monitors.end(),
                                 [&](const auto& m) { return m.get() == monitor.get(); });
  if (!known) monitors.push_back(monitor);
  return !known;
}

/// @returns whether it was one.
bool remove_monitor(fiber_state& fiber, const detail::fiber_handle& monitor) {
  if (!fiber.extras) return false;
  return std::erase_if(fiber.extras->monitors,
                       [&](const auto& m) { return m.get() == monitor.get(); }) != 0;
}

}  // namespace

bool fiber_ref::monitor() const {
  fiber_state& self = detail::here("monitor").running();
  fiber_state* const fiber = get();
  if (fiber == nullptr || fiber->phase == fiber_phase::ended) return false;
  detail::fiber_handle monitor(&self);
  if (detail::is_local(*fiber)) return add_monitor(*fiber, monitor);
  return detail::post_surely(*fiber, [monitor = std::move(monitor)](fiber_state& f) {
    if (f.phase != fiber_phase::ended) {
      add_monitor(f, monitor);
    } else {  // on the way there
      tell_monitor(*monitor.get(), f);
    }
  });
}

bool fiber_ref::unmonitor(unmonitor_options options) const {
  fiber_state& self = detail::here("unmonitor").running();
  fiber_state* const fiber = get();
  if (fiber == nullptr) return false;
  const bool flushed = options.flush && drop_notices(self.box, *fiber);
  const bool removed =
      on_owner(*fiber, [self = detail::fiber_handle(&self)](fiber_state& f) {
        return remove_monitor(f, self);
      });
  return removed || flushed;
}

}  // namespace motet
