// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"

#include <motet/error.hpp>
#include <motet/spin_loop.hpp>
#include <motet/time.hpp>

#include <algorithm>

namespace motet {

time_point clock::now() noexcept {
  return detail::this_scheduler != nullptr ? detail::this_scheduler->time().now()
                                           : detail::machine_time();
}

namespace detail {

namespace {

struct sleeper : waiter, timer {};

[[gnu::always_inline]] inline void park_until(scheduler& s, time_point when,
                                              call_site where) {
  sleeper how;
  how.what = "a point in time";
  how.where = where;
  how.deadline = when;
  how.abort = [](waiter& w) noexcept {
    this_scheduler->timers().remove(static_cast<sleeper&>(w));
    this_scheduler->unpark(*w.fiber);
  };
  how.expired = [](timer& t) noexcept {
    this_scheduler->unpark(*static_cast<sleeper&>(t).fiber);
  };
  how.fiber = &s.running();
  s.timers().add(how, timer_heap::rank::sleeper);
  park(s, how);
}

}  // namespace

time_point first_tick(call_site where) {
  scheduler& s = here("every");
  enter_point(s, where);
  return s.time().now();
}

time_point next_tick(time_point last, duration step) {
  if (step <= duration::zero()) throw structure_error("every needs a positive interval");
  const time_point now = clock::now();
  return last + step * ((now - last) / step + 1);
}

duration step_of(const loop_options& options) {
  const bool paced = options.every != duration::zero();
  if (paced ? options.every < duration::zero() || options.rate != 0
            : !(options.rate >= 0)) {
    throw structure_error(
        "spin_loop takes one of .every and .rate, and nothing negative");
  }
  if (paced || options.rate == 0) return options.every;
  const std::chrono::duration<double> step(1 / options.rate);
  return std::max(saturate(step), duration(1));
}

MOTET_JUMPS_BACK void sleep_for(duration span, call_site where) {
  scheduler& s = here("sleep");
  enter_point(s, where);
  if (span > duration::zero()) {
    park_until(s, add_saturated(s.time().not_before_now(), span), where);
  }
}

}  // namespace detail

void sleep_until(time_point when, call_site where) {
  detail::scheduler& s = detail::here("sleep_until");
  enter_point(s, where);
  if (when > s.time().now()) detail::park_until(s, when, where);
}

}  // namespace motet
