// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/run_in.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/timeout.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace motet::detail {

namespace {

request_record* deadline_record(duration span, call_site where) noexcept {
  std::string text;
  try {
    text = "the timeout of " + describe_span(span) + " ran out";
  } catch (const std::bad_alloc&) {  // time has run out all the same
  }
  return make_request(cancel_kind::deadline, text, where);
}

}  // namespace

inline void timed_scope::enter() {
  scheduler& s = here("a timeout");
  fiber_state& self = s.running();
  if (span_ == no_span) {
    deadline = when_;
    span_ = when_ - s.time().now();
  } else {
    deadline = add_saturated(s.time().not_before_now(), span_);
  }
  timer::expired = &on_expired;
  cancel_scope::clock = this;
  const bool over = span_ <= duration::zero() || (grace && s.graces_over);
  if (!over && deadline != time_point::max())
    s.timers().add(*this, timer_heap::rank::scope);
  open_scope(s, *this);
  ++self.deadlines;
  if (over) [[unlikely]] {
    expire();
  }
}

inline void timed_scope::leave(cancel_scope& node) noexcept {
  auto& self = static_cast<timed_scope&>(node);
  scheduler& s = *this_scheduler;
  if (self.armed()) s.timers().remove(self);
  --s.running().deadlines;
}

void timed_scope::fail(cancel_scope& node, const std::exception_ptr& error) noexcept {
  auto& self = static_cast<timed_scope&>(node);
  if (!self.fired_) return;
  // The error wins, and tells that time had run out.
  add_reference(*self.request);
  remember_error(*node.fiber, {.error = error, .why = self.request});
}

bool timed_scope::run(function_ref<void()> body) {
  enter();
  return run_in<&leave, &fail>(*this, body);
}

void timed_scope::expire() noexcept {
  fired_ = true;
  // Whoever happens to run has nothing to do with it.
  request_record* const why = deadline_record(span_, where_);
  why->why.source = fiber_ref(fiber_handle(cancel_scope::fiber));
  latch(*this, why);
}

void timed_scope::on_expired(timer& t) noexcept {
  static_cast<timed_scope&>(t).expire();
}

bool timed_scope::reset() noexcept {
  return reset(span_);
}

bool timed_scope::reset(duration span) noexcept {
  scheduler& s = *this_scheduler;
  const time_point now = s.time().not_before_now();
  if (armed() && deadline <= now) s.expire_timers();
  if (request != nullptr) return false;
  span_ = span;
  if (span <= duration::zero()) return move_deadline(time_point::min());
  return move_deadline(add_saturated(now, span));
}

bool timed_scope::reset_at(time_point when) noexcept {
  scheduler& s = *this_scheduler;
  if (armed() && deadline <= s.time().not_before_now()) s.expire_timers();
  if (request != nullptr) return false;
  return move_deadline(when);
}

bool timed_scope::move_deadline(time_point when) noexcept {
  timer_heap& timers = this_scheduler->timers();
  if (armed()) {
    timers.move(*this, when, timer_heap::rank::scope);
  } else if (when != time_point::max()) {
    deadline = when;
    timers.add(*this, timer_heap::rank::scope);
  }
  if (when == time_point::min()) this_scheduler->expire_timers();
  return true;
}

duration timed_scope::remaining() const noexcept {
  if (request != nullptr) return duration::zero();
  if (!armed() || deadline == time_point::max()) return duration::max();
  return std::max(deadline - motet::clock::now(), duration::zero());
}

bool timed_scope::cancel_now(std::string_view why, call_site where) {
  if (request != nullptr) return false;
  by_hand_ = make_request(cancel_kind::scope, why, where);
  add_reference(*by_hand_);
  return latch(*this, by_hand_);
}

void timed_scope::throw_if_cancelled_by_hand() const {
  if (by_hand_ == nullptr) return;
  auto error = std::make_exception_ptr(cancel_error(by_hand_->why.message));
  add_reference(*by_hand_);
  remember_error(this_scheduler->running(), {.error = error, .why = by_hand_});
  std::rethrow_exception(std::move(error));
}

void timed_scope::forget(request_record* record) noexcept {
  drop_reference(record);
}

void throw_for_deadline(std::exception_ptr error, const timed_scope& scope) {
  fiber_state& self = this_scheduler->running();
  remember_error(self,
                 {.error = error, .why = deadline_record(scope.span(), scope.where())});
  std::rethrow_exception(std::move(error));
}

void throw_timeout(const timed_scope& scope) {
  throw_for_deadline(std::make_exception_ptr(timeout_error(scope.span(), scope.where())),
                     scope);
}

}  // namespace motet::detail
