// SPDX-License-Identifier: MIT
#include "backend/course.hpp"
#include "backend/sim/sim_backend.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/fiber/run_on.hpp"
#include "lib/testing/course_file.hpp"

#include <motet/detail/message.hpp>
#include <motet/error.hpp>
#include <motet/testing.hpp>

namespace motet::testing {

void run_erased(const test_options& options, detail::function_ref<void()> body,
                bool has_result) {
  detail::refuse_inside_of_fibers();
  const run_options quiet{.backend = backend_kind::sim, .signals = signal_policy::none};
  if (options.seed == 0 && options.replay.empty() && options.record.empty()) {
    return detail::run_on(make_sim_backend(), nullptr, quiet, body, has_result);
  }
  course how =
      options.replay.empty() ? course(options.seed) : course(read_course(options.replay));
  const auto record = [&] {
    if (!options.record.empty()) write_course(options.record, trimmed(how.record()));
  };
  try {
    detail::run_on(make_sim_backend(&how), &how, quiet, body, has_result);
  } catch (...) {
    record();
    throw;
  }
  record();
}

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
