// SPDX-License-Identifier: MIT
#include "lib/fiber/supervisor.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace motet::detail {

struct supervisor::news_wait : waiter, timer {
  supervisor* owner = nullptr;

  void end() noexcept {
    owner->waiting_ = nullptr;
    if (armed()) this_scheduler->timers().remove(*this);
    this_scheduler->unpark(*fiber);
  }
};

void supervisor::wait() {
  news_wait how;
  how.owner = this;
  how.fiber = &self_;
  how.what = reruns_.empty() ? "news of the fibers it supervises"
                             : "the back-off before a restart";
  how.abort = [](waiter& w) noexcept { static_cast<news_wait&>(w).end(); };
  how.expired = [](timer& t) noexcept { static_cast<news_wait&>(t).end(); };
  if (!reruns_.empty()) {
    how.deadline = reruns_.front().due;
    s_.timers().add(how, timer_heap::rank::sleeper);
  }
  waiting_ = &how;
  park(s_, how);
}

void supervisor::on_end(queue_waiter& w) noexcept {
  auto& c = static_cast<child&>(w);
  c.who.get()->end_waiters.push(c);  // for its next run, whoever starts it
  c.owner->note_end(c);
}

void supervisor::note_end(child& c) noexcept {
  ends_.push_back({&c, ending(c.who), std::exchange(c.stopping, false)});
  ++c.unheard;
  if (waiting_ != nullptr) waiting_->end();
}

void supervisor::run() {
  try {
    watch();
  } catch (const cancelled&) {
    left_by_ = std::current_exception();
    unwound_ = true;
  } catch (...) {
    left_by_ = std::current_exception();
  }
  leave();
}

void supervisor::watch() {
  for (;;) {
    detail::check(self_);
    if (!ends_.empty()) {
      const run_end end = std::move(ends_.front());
      ends_.pop_front();
      --end.who->unheard;
      hear(end);
    } else if (!reruns_.empty() && reruns_.front().due <= s_.time().now()) {
      // First those who wait for the end of the old run: they find it still ended.
      s_.yield();
      detail::check(self_);
      const rerun next = std::move(reruns_.front());
      reruns_.pop_front();
      run_again(next);
    } else if (reruns_.empty() && all_ended()) {
      return;
    } else {
      wait();
    }
  }
}

bool supervisor::all_ended() noexcept {
  // From the last one found on: they mostly end in order, and there may be thousands.
  const auto lives = [](const child& c) {
    return c.who.get()->phase != fiber_phase::ended;
  };
  alive_ = std::find_if(alive_, children_.end(), lives);
  if (alive_ == children_.end()) {
    alive_ = std::find_if(children_.begin(), children_.end(), lives);
  }
  return alive_ == children_.end();
}

void supervisor::report(const run_end& end) {
  const fiber_ref who(end.who->who);
  if (end.how.failed()) {
    if (how_.on_error) {
      how_.on_error(who, end.how);
    } else if (how_.restart == restart_policy::never) {
      report_unhandled(*who.get(), end.how.error());
    }
  } else if (!end.by_us && how_.on_done) {
    how_.on_done(who, end.how);
  }
}

bool supervisor::wants_rerun(const run_end& end) {
  if (how_.restart == restart_policy::never) return false;
  if (how_.restart == restart_policy::on_error && !end.how.failed()) return false;
  const fiber_state& fiber = *end.who->who.get();
  if (fiber.root.parent == nullptr) return true;
  if (find_cancelled_outside(fiber, fiber.root) == nullptr) return true;
  // Nobody can run in a scope that is cancelled.
  if (end.how.failed() && !how_.on_error) give_up(end, end.how.error());
  return false;
}

void supervisor::hear(const run_end& end) {
  report(end);
  child& c = *end.who;
  const fiber_state& fiber = *c.who.get();
  const bool over = fiber.phase == fiber_phase::ended;  // else somebody restarted it
  const bool rerun_anyway = end.by_us || !over || to_be_rerun(c);
  if (rerun_anyway || !wants_rerun(end)) {
    if (end.how.failed()) keep(end, false);
    if (!rerun_anyway) done_with(c);
    return;
  }
  keep(end, true);
  check_intensity(end);
  check_repeatable(end);
  plan_rerun(end);
}

void supervisor::plan_rerun(const run_end& end) {
  child& c = *end.who;
  error_list answers;
  if (end.how.failed() && !how_.on_error) answers.push_back(end.how.error());
  if (how_.strategy != restart_strategy::one_for_one) {
    // This one takes along whoever is still to be run again.
    for (const rerun& r : reruns_)
      answers.insert(answers.begin(), r.answers.begin(), r.answers.end());
    reruns_.clear();
  }
  try {
    stop_those_with(c);
  } catch (...) {
    keep_unanswered(answers);
    throw;
  }
  c.to_rerun = true;
  reruns_.push_back({add_saturated(s_.time().not_before_now(),
                                   std::max(how_.backoff, duration::zero())),
                     &c, std::move(answers)});
}

void supervisor::keep_unanswered(const error_list& errors) {
  for (const std::exception_ptr& error : errors) {
    if (std::find(behind_.begin(), behind_.end(), error) == behind_.end())
      behind_.push_back(error);
  }
}

void supervisor::keep(const run_end& end, bool counts) {
  const time_point now = s_.time().now();
  while (!recent_.empty() && now - recent_.front().at > how_.within) {
    restarts_ -= recent_.front().counts ? 1 : 0;
    recent_.pop_front();
  }
  recent_.push_back({now, end.how.error(), counts});
  restarts_ += counts ? 1 : 0;
}

void supervisor::check_intensity(const run_end& end) {
  if (restarts_ <= how_.intensity) return;
  for (const trouble& t : recent_) {
    if (t.error) behind_.push_back(t.error);
  }
  if (!behind_.empty()) give_up(end, behind_.back());
  throw std::runtime_error("fiber \"" + name_of(*end.who->who.get()) +
                           "\" ended more than " + std::to_string(how_.intensity) +
                           " times in " + describe_span(how_.within));
}

void supervisor::check_repeatable(const run_end& end) {
  const fiber_state& fiber = *end.who->who.get();
  if (fiber.restartable) return;
  if (end.how.failed()) give_up(end, end.how.error());
  throw structure_error("supervise: fiber \"" + name_of(fiber) +
                        "\" cannot be restarted any more");
}

void supervisor::give_up(const run_end& end, std::exception_ptr error) {
  const fiber_state& fiber = *end.who->who.get();
  const bool passed_on = fiber.extras && fiber.extras->error_source.get() != nullptr;
  source_ = passed_on ? fiber.extras->error_source : end.who->who;
  std::rethrow_exception(std::move(error));
}

void supervisor::done_with(child& c) {
  // The other strategies may have to run it once more.
  if (how_.strategy != restart_strategy::one_for_one || c.unheard != 0) return;
  release(c);
  if (alive_ == c.at) ++alive_;
  children_.erase(c.at);
}

supervisor::child& supervisor::first_with(child& c) noexcept {
  return how_.strategy == restart_strategy::one_for_all ? children_.front() : c;
}

supervisor::child& supervisor::last_with(child& c) noexcept {
  return how_.strategy == restart_strategy::one_for_one ? c : children_.back();
}

bool supervisor::to_be_rerun(const child& c) noexcept {
  if (how_.strategy == restart_strategy::one_for_one) return c.to_rerun;
  return !reruns_.empty() && c.number >= first_with(*reruns_.front().who).number;
}

void supervisor::ask_to_stop(child& c) {
  fiber_state& fiber = *c.who.get();
  c.stopping = true;
  fiber.restart_pending = false;
  try {
    fiber_ref(c.who).terminate(how_.shutdown, where_);
  } catch (const std::bad_alloc&) {  // no memory for a grace: without one
    fiber_ref(c.who).stop({}, where_);
  }
}

void supervisor::stop_those_with(child& c) {
  const place first = first_with(c).at;
  for (place p = std::next(last_with(c).at); p != first;) {
    --p;
    if (p->who.get()->phase == fiber_phase::ended) continue;
    ask_to_stop(*p);
    while (p->who.get()->phase != fiber_phase::ended)
      wait();
  }
}

void supervisor::run_again(const rerun& what) {
  what.who->to_rerun = false;
  const place behind = std::next(last_with(*what.who).at);
  for (place p = first_with(*what.who).at; p != behind; ++p) {
    if (p->who.get()->phase == fiber_phase::ended) fiber_ref(p->who).restart(where_);
  }
}

}  // namespace motet::detail
