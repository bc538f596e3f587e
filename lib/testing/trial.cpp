// SPDX-License-Identifier: MIT
#include "lib/testing/trial.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/testing.hpp>

#include <algorithm>
#include <memory>
#include <typeinfo>
#include <utility>

namespace motet::testing {

using motet::detail::fiber_state;
using motet::detail::scheduler;
using motet::detail::this_scheduler;

namespace {

constexpr const char* a_turn = "its turn";

/// Two errors are the same if they are of one type and say the same.
std::string identity_of(const std::exception_ptr& error) {
  std::string type;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    type = typeid(e).name();
  } catch (...) {  // `describe` tells the type
  }
  return type + ": " + motet::describe(error);
}

bool is_stop_of_another(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const fiber_stopped&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// What a group is made of, or the error itself.
std::vector<std::exception_ptr> parts_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    return {group.errors().begin(), group.errors().end()};
  } catch (...) {
    return {error};
  }
}

}  // namespace

bool site::has(moment when) const noexcept {
  switch (when) {
    case moment::before:
    case moment::twice:
      return true;
    case moment::during:
    case moment::timed:
      return !what.empty();  // what did not wait is the same as the next point
    case moment::late:
      return !what.empty() && what != a_turn;
  }
  return false;
}

std::string describe(std::size_t number, const site& s) {
  return std::to_string(number) + ", in fiber \"" + s.fiber +
         "\": " + (s.what.empty() ? "need not wait" : "waits for " + s.what);
}

std::string describe(const injection& where, const site& s) {
  std::string text;
  switch (where.when) {
    case moment::before:
      text = "cancelled before it";
      break;
    case moment::during:
      text = "cancelled in it";
      break;
    case moment::late:
      text = "cancelled as it was over";
      break;
    case moment::timed:
      text = "cancelled in it as a deadline came";
      break;
    case moment::twice:
      text = s.what.empty() ? "cancelled before it, twice" : "cancelled in it, twice";
      break;
  }
  if (where.whom == target::fiber) text += ", this fiber only";
  if (where.again != 0)
    text += ", and all of it " + std::to_string(where.again) + " points later";
  return text;
}

std::vector<std::string> trial::run() {
  motet::run({.backend = known_.kernel,
              .signals = signal_policy::none,
              .on_unhandled =
                  [this](const std::exception_ptr& error) {
                    hear_of(error, "nobody handled an error: ");
                  }},
             [this] { run_in_main(); });
  if (!recording() && !hit() && simulated()) {
    contained_.wrong().emplace_back(
        "this run took another course than the first: the function must "
        "do the same each time");
  }
  if (options_.afterwards) {
    try {
      options_.afterwards();
    } catch (...) {
      contained_.wrong().push_back("afterwards: " +
                                   motet::describe(std::current_exception()));
    }
  }
  return std::move(contained_.wrong());
}

void trial::run_in_main() {
  scheduler& s = *this_scheduler;
  s.on_point = {
      .reached = [](void* self,
                    fiber_state& at) noexcept { static_cast<trial*>(self)->reach(at); },
      .turned = [](void* self) noexcept { static_cast<trial*>(self)->end_turn(); },
      .listener = this};
  s.main().attention = true;  // or fibers would not begin with theirs on
  contained_.run([this] { run_body(); });
  s.on_point = {};
  at_ = {};
  victim_ = {};
  contained_.settle_up();
}

void trial::run_body() {
  if (where_.when != moment::timed) return f_();
  // Armed when it is to come: until then, time takes its usual course.
  motet::detail::timed_scope scope(time_point::max(), call_site{});
  scope.run([&] {
    timeout clock(scope);
    const std::unique_ptr<timeout*, void (*)(timeout**)> lent(
        &clock_, [](timeout** to) { *to = nullptr; });
    clock_ = &clock;
    f_();
  });
}

void trial::reach(fiber_state& at) noexcept {
  scheduler& s = *this_scheduler;
  if (&at == &s.main() || contained_.body().done()) return;
  ++reached_;
  at_ = fiber_ref(motet::detail::fiber_handle(&at));
  if (recording()) known_.sites.push_back({name_of(at), {}, at_ == contained_.body()});
  if (reached_ == where_.point && known_.sites[reached_ - 1].fiber == name_of(at)) {
    victim_ = at_;
    const bool waits = !known_.sites[reached_ - 1].what.empty();
    late_ = where_.when == moment::late;
    armed_ = waits && where_.when != moment::before && !late_;
    if (!armed_ && !late_) deliver(where_.whom);
  }
  if (where_.again != 0 && reached_ == where_.point + where_.again && hit())
    deliver(target::all);
  endless_ = reached_ > limit();
  // In all runs alike: one point, then a turn, so that all take the same course.
  s.take_turn_soon();
  turn_.soon();
}

void trial::take_turn() noexcept {
  if (!at_) return;
  const fiber_state& at = *at_.get();
  if (recording() && !contained_.body().done()) {
    const bool waits = at.phase == fiber_phase::parked;
    known_.sites.back().what = waits ? at.waiting->what : a_turn;
  }
  if (std::exchange(armed_, false)) deliver(where_.whom);
  if (endless_)
    contained_.give_up("after " + std::to_string(reached_) + " points it still runs");
  at_ = {};
}

void trial::end_turn() noexcept {
  if (late_) {
    // A turn before each switch: no other way to be there between its wake-up and its
    // run.
    this_scheduler->take_turn_soon();
    if (victim_.get()->phase == fiber_phase::runnable) {
      late_ = false;
      deliver(where_.whom);
    }
  }
  if (echo_ != 0 && --echo_ == 0) deliver(target::all);
}

void trial::deliver(target whom) noexcept {
  const bool first = ++delivered_ == 1;
  fiber_state& fiber = whom == target::all ? *contained_.body().get() : *victim_.get();
  motet::detail::request_record* const why = motet::detail::make_request(
      cancel_kind::stop, "cancel_everywhere, point " + std::to_string(where_.point),
      call_site{});
  why->why.source = {};  // not the fiber that happens to run
  motet::detail::ask(fiber, motet::detail::disposition::stop, why);
  if (!first) return;
  // Due at once: timers come later in this turn.
  if (where_.when == moment::timed && clock_ != nullptr) clock_->reset_at(clock::now());
  if (where_.when == moment::twice) echo_ = 2;
}

bool trial::may_come(const std::exception_ptr& error) const {
  const auto& errors = known_.errors;
  if (std::find(errors.begin(), errors.end(), identity_of(error)) != errors.end())
    return true;
  if (options_.each_fiber && is_stop_of_another(error)) return true;
  return options_.expected && options_.expected(error);
}

void trial::hear_of(const std::exception_ptr& error, const char* how) {
  if (recording()) return known_.errors.push_back(identity_of(error));
  if (may_come(error) || contained_.forced()) return;  // or our own doing
  const auto parts = parts_of(error);
  const auto fine = [this](const std::exception_ptr& part) { return may_come(part); };
  if (std::all_of(parts.begin(), parts.end(), fine)) return;
  contained_.wrong().push_back(how + motet::describe(error));
}

}  // namespace motet::testing
