// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"

#include <motet/detail/message.hpp>
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

std::size_t open_descriptors() noexcept {
  return detail::this_scheduler == nullptr
             ? 0
             : detail::this_scheduler->kernel().open_descriptors();
}

std::size_t live_messages() noexcept {
  return detail::count_messages();
}

std::size_t stacks_in_use() noexcept {
  return detail::this_scheduler == nullptr ? 0 : detail::this_scheduler->stacks_in_use();
}

}  // namespace motet::testing
