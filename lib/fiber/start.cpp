// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/detail/start.hpp>
#include <motet/error.hpp>
#include <motet/ready_signal.hpp>

#include <exception>
#include <utility>

namespace motet::detail {

/// Stands among those who wait for the fiber's end, too.
struct ready_waiter : queue_waiter {
  fiber_state* target = nullptr;
  ready_waiter** place = nullptr;  ///< Where the link keeps it.
  bool ended = false;              ///< The fiber has, without a word.
};

namespace {

/// Whoever started the fiber waits no longer: its errors are its own.
void leave(ready_waiter& w) noexcept {
  w.target->starting = false;
  *w.place = nullptr;
  w.queue->remove(w);
  this_scheduler->unpark(*w.fiber);
}

[[noreturn]] void throw_never_ready(const fiber_handle& starting) {
  const fiber_state& fiber = *starting.get();
  if (fiber.error) {
    introduce_error(this_scheduler->running(), starting);
    std::rethrow_exception(fiber.error);
  }
  if (fiber.stopped) throw fiber_stopped(fiber.reason->why);
  throw structure_error("fiber \"" + name_of(fiber) +
                        "\" has ended and never said that it was ready");
}

}  // namespace

void enter_start(call_site where) {
  enter_point(here("spin_ready"), where);
}

void start_link::arrive() noexcept {
  leave(*waiting_);
}

void start_link::wait(const fiber_ref& starting, call_site where) {
  fiber_state& target = *starting.get();
  ready_waiter how;
  how.what = "a fiber to be ready";
  how.where = where;
  how.target = &target;
  how.place = &waiting_;
  how.abort = [](waiter& w) noexcept { leave(static_cast<ready_waiter&>(w)); };
  how.taken = [](queue_waiter& w) noexcept {
    auto& mine = static_cast<ready_waiter&>(w);
    *mine.place = nullptr;
    mine.ended = true;
    this_scheduler->unpark(*mine.fiber);
  };
  waiting_ = &how;
  target.starting = true;
  target.end_waiters.push(how);
  try {
    park(*this_scheduler, how);
  } catch (...) {
    ask(target, disposition::stop,
        make_request(cancel_kind::stop, "whoever started it was interrupted",
                     target.spun_at));
    throw;
  }
  if (!how.ended) return;
  target.starting = false;
  throw_never_ready(starting.state_handle());
}

}  // namespace motet::detail
