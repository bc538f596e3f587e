// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"

#include <motet/error.hpp>
#include <motet/testing.hpp>

namespace motet::testing {

void busy(duration span) {
  detail::scheduler& s = detail::here("busy");
  if (!s.kernel().simulated()) throw structure_error("busy on a backend with real time");
  s.kernel().advance(span);
  s.time().correct();
}

void settle() {
  detail::scheduler& s = detail::here("settle");
  s.settle();
}

std::size_t armed_timers() noexcept {
  return detail::this_scheduler == nullptr ? 0 : detail::this_scheduler->timers().size();
}

std::size_t operations_in_flight() noexcept {
  return detail::this_scheduler == nullptr ? 0
                                           : detail::this_scheduler->kernel().in_flight();
}

}  // namespace motet::testing
