// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/detail/each_call.hpp>

namespace motet::detail {

parallel_gate::parallel_gate(std::size_t limit, bool has_results, call_site where)
    : limit_(limit), has_results_(has_results), where_(where) {
  enter_point(here("for_each_parallel"), where);
}

void parallel_gate::wait_for_room() {
  scheduler& s = *this_scheduler;
  enter_point(s, where_);
  if (limit_ == 0 || under_way_ < limit_) return;
  wait_in(s, room_, "room for one more", where_);
  // The one that made room may have done so by failing.
  check(s.running(), where_);
}

void parallel_gate::hear_of_end() noexcept {
  --under_way_;
  fiber_state& ended = this_scheduler->running();
  if (ended.settled && ended.stopped && stopped_.get() == nullptr)
    stopped_ = fiber_handle(&ended);
  if (!room_.empty()) this_scheduler->wake_first(room_);
}

void parallel_gate::check_ends() const {
  if (stopped_.get() != nullptr) check_end(stopped_, has_results_);
}

}  // namespace motet::detail
