// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/supervisor.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/wait_cycle.hpp"

#include <motet/error.hpp>
#include <motet/shield.hpp>

#include <iterator>
#include <utility>
#include <vector>

namespace motet::detail {

void supervise_these(std::span<const fiber_ref> fibers, const supervision& how,
                     call_site where) {
  scheduler& s = here("supervise");
  fiber_state& self = s.running();
  supervisor boss(s, how, where);
  // What failed already is the supervisor's, not an exception out of the blue.
  std::vector<fiber_ref> failed;
  const auto take_over = [&] {
    for (const fiber_ref& f : fibers) {
      if (f && withdraw_edge(self, *f.get())) failed.push_back(f);
    }
  };
  try {
    take_over();
    enter_point(s, where);
    take_over();  // from those that failed while others were let run
    for (const fiber_ref& f : fibers) {
      if (!f) throw structure_error("supervise of a null fiber handle");
      boss.check(*f.get());
      boss.take(*f.get());
    }
  } catch (...) {
    for (const fiber_ref& f : failed)
      push_edge(self, {.error = f.get()->error, .child = f.state_handle()});
    throw;
  }
  boss.run();
}

void supervise_newcomer(cancel_scope& home, fiber_state& fiber) noexcept {
  if (fiber.supervised_by == nullptr) home.supervised_by->take(fiber);
}

void shelter_from_requests(fiber_state& fiber) noexcept {
  fiber.supervised_by->shelter(fiber);
}

void supervisor::check(const fiber_state& fiber) const {
  const auto refuse = [&](const char* why) {
    throw structure_error("supervise: fiber \"" + name_of(fiber) + "\" " + why);
  };
  if (!is_local(fiber)) refuse("belongs to another thread");
  if (fiber.supervised_by != nullptr) refuse("has a supervisor already");
  for (const cancel_scope* s = &self_.root; s != nullptr; s = s->parent) {
    if (s->fiber == &fiber) refuse("cannot be supervised from inside");
  }
  if (fiber.phase == fiber_phase::ended) return;
  if (how_.restart != restart_policy::never && !fiber.operations->repeatable) {
    refuse("cannot be restarted: its callable takes a move-only argument");
  }
  if (waits_for(fiber, self_)) refuse("waits for its supervisor to end");
}

void supervisor::take(fiber_state& fiber) {
  child& c = children_.emplace_back();
  c.owner = this;
  c.fiber = &self_;
  c.what = "news of the fibers it supervises";
  c.taken = &on_end;
  c.who = fiber_handle(&fiber);
  c.at = std::prev(children_.end());
  c.number = ++last_number_;
  fiber.supervised_by = this;
  const bool over = fiber.phase == fiber_phase::ended;
  if (how_.restart != restart_policy::never && !fiber.restartable && !over &&
      !fiber.settled && fiber.operations->repeatable) {
    fiber.restartable = c.kept = true;
  }
  shelter(fiber);
  fiber.end_waiters.push(c);
  if (over) note_end(c);
}

void supervisor::shelter(fiber_state& fiber) const noexcept {
  // Its supervisor stops it, in good order: what that one is asked does not get to it.
  fiber.root.cut = fiber.root.parent != nullptr && fiber.root.parent->fiber == &self_;
}

void supervisor::take_children() {
  if (self_.root.supervised_by != nullptr) {
    throw structure_error("supervise: this fiber supervises all its children already");
  }
  std::vector<fiber_state*> found;
  for (cancel_scope* s = self_.chain.innermost; s != nullptr && s->fiber == &self_;
       s = s->parent) {
    std::vector<fiber_state*> here;
    for (fiber_state* c = s->children.first; c != nullptr; c = c->next_sibling) {
      if (c->phase != fiber_phase::ended && c->supervised_by == nullptr)
        here.push_back(c);
    }
    found.insert(found.begin(), here.begin(), here.end());
  }
  for (fiber_state* const c : found) {
    check(*c);
    take(*c);
  }
  watch_for_newcomers(this);
}

void supervisor::watch_for_newcomers(supervisor* who) noexcept {
  for (cancel_scope* s = self_.chain.innermost; s != nullptr && s->fiber == &self_;
       s = s->parent) {
    s->supervised_by = who;
  }
}

supervisor::~supervisor() {
  for (child& c : children_)
    release(c);
}

void supervisor::leave() {
  if (self_.root.supervised_by == this) watch_for_newcomers(nullptr);
  for (const rerun& r : reruns_)
    keep_unanswered(r.answers);  // the restart will not come
  if (left_by_) shield([this] { shut_down(); }, where_);
  if (left_by_ || !unheard_.empty()) throw_reason();
}

void supervisor::shut_down() {
  s_.yield();  // those who wait no longer end by what is theirs, not by being stopped
  for (child& c : children_)
    give_back(c);
  for (auto c = children_.rbegin(); c != children_.rend(); ++c) {
    if (c->who.get()->phase == fiber_phase::ended) continue;
    ask_to_stop(*c);
    join_fiber(s_, *c->who.get());
  }
  hear_last();
}

void supervisor::hear_last() noexcept {
  for (; !ends_.empty(); ends_.pop_front()) {
    const run_end& end = ends_.front();
    try {
      const bool brings_no_restart = !end.by_us && how_.restart == restart_policy::never;
      if (!end.how.failed() || how_.on_error || brings_no_restart) {
        report(end);
      } else if (end.by_us) {
        unheard_.push_back(end.how.error());
      } else {
        behind_.push_back(end.how.error());  // the restart it called for will not come
      }
    } catch (const cancelled&) {  // the shield lets none in
    } catch (...) {
      unheard_.push_back(std::current_exception());
    }
  }
}

void supervisor::throw_reason() {
  if (unwound_ && unheard_.empty()) {
    auto& kept = self_.more().suppressed;
    kept.insert(kept.end(), behind_.begin(), behind_.end());
    std::rethrow_exception(std::move(left_by_));
  }
  if (!unwound_ && left_by_) unheard_.insert(unheard_.begin(), std::move(left_by_));
  const std::exception_ptr error = aggregate(std::move(unheard_));
  if (!behind_.empty() || source_.get() != nullptr) {
    remember_error(self_, {.error = error, .source = source_, .suppressed = behind_});
  }
  std::rethrow_exception(error);
}

void supervisor::give_back(child& c) noexcept {
  fiber_state& fiber = *c.who.get();
  if (!c.kept || !fiber.restartable) return;
  if (fiber.phase == fiber_phase::ended) {
    dispose(s_, fiber);
  } else if (!fiber.settled) {  // else it ends as what it was when that was decided
    fiber.restartable = false;
  }
}

void supervisor::release(child& c) noexcept {
  give_back(c);
  fiber_state& fiber = *c.who.get();
  c.queue->remove(c);
  fiber.supervised_by = nullptr;
  if (!std::exchange(fiber.root.cut, false)) return;
  if (fiber.phase != fiber_phase::ended) disturb(fiber);
}

}  // namespace motet::detail

namespace motet {

void supervise(std::initializer_list<fiber_ref> fibers, const supervision& how,
               call_site where) {
  detail::supervise_these({fibers.begin(), fibers.size()}, how, where);
}

void supervise(const supervision& how, call_site where) {
  detail::scheduler& s = detail::here("supervise");
  enter_point(s, where);
  detail::supervisor boss(s, how, where);
  boss.take_children();
  boss.run();
}

}  // namespace motet
