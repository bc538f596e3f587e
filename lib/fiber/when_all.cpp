// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/scope.hpp>
#include <motet/when_all.hpp>

#include <vector>

namespace motet::detail {

void run_all(std::span<const all_task> tasks, call_site where) {
  enter_point(here("when_all"), where);
  std::vector<fiber<>> fibers;
  fibers.reserve(tasks.size());
  with_scope([&](scope& all) {
    for (const all_task& task : tasks) {
      fibers.push_back(all.spin({.where = where}, task.run));
      bind_to_home(fibers.back());
    }
  });
  for (std::size_t i = 0; i < tasks.size(); ++i)
    check_end(fibers[i].state_handle(), tasks[i].has_result);
}

}  // namespace motet::detail
