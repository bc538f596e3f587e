// SPDX-License-Identifier: MIT
#include "lib/testing/containment.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/error.hpp>
#include <motet/spin.hpp>

#include <cstdio>

namespace motet::testing {

using motet::detail::fiber_state;
using motet::detail::scheduler;
using motet::detail::this_scheduler;

void containment::run(motet::detail::function_ref<void()> f) {
  before_ = count_everything();
  const fiber<void> body = spin({.name = "f"}, [f] { f(); });
  body_ = body;
  outlast(body);
  const outcome<void> how = body.outcome();
  if (how.failed()) hear_(how.error(), "ended with an error: ");
}

/// Daemons, and what was attached to the main fiber, outlive `f`.
void containment::settle_up() {
  fiber_state& main = this_scheduler->main();
  for (const fiber_ref& left : fiber_ref(motet::detail::fiber_handle(&main)).children()) {
    left.stop();
    outlast(left);
  }
  if (main.root.living == 0) join(*this_scheduler, main.root);
  body_ = {};
  for (std::string& left : left_behind_since(before_))
    wrong_.push_back(std::move(left));
}

/// Waits for the end of a fiber, come what may.
void containment::outlast(const fiber_ref& fiber) {
  while (!fiber.done()) {
    try {
      static_cast<void>(fiber.wait());
    } catch (const deadlock_error& stuck) {
      if (rescues_ == 0) wrong_.push_back(std::string("does not end: ") + stuck.what());
      fail_all_waits();
    } catch (...) {
      hear_(std::current_exception(), "nobody handled an error: ");
    }
  }
}

void containment::give_up(const std::string& why) {
  if (rescues_ == 0) {
    wrong_.push_back("does not end: " + why);
    this_scheduler->deadlock_report = why;
    body_.stop(why, call_site{});  // what it left running has been stopped already
  }
  fail_all_waits();
}

/// Nothing else gets into a shield, as the stop does not.
void containment::fail_all_waits() {
  scheduler& s = *this_scheduler;
  if (++rescues_ > 10'000) {
    std::fprintf(stderr, "motet: a run cannot be ended by force: %s\n",
                 wrong_.front().c_str());
    std::terminate();
  }
  walk_tree(s.main(), [&](fiber_state& fiber, std::size_t) {
    if (fiber.is_main() || fiber.phase != fiber_phase::parked) return;
    motet::detail::waiter& how = *fiber.waiting;
    if (how.abort == nullptr || how.aborted) return;
    fiber.deadlocked = true;
    how.aborted = true;
    how.abort(how);
  });
}

}  // namespace motet::testing
