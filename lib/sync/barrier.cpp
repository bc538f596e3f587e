// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/core/shared_wait.hpp"

#include <motet/detail/barrier_core.hpp>
#include <motet/shield.hpp>

namespace motet::detail {

std::uint64_t barrier_core::arrive(std::size_t n, std::size_t dropped,
                                   function_ref<void()> complete) {
  gate_.lock();
  MOTET_EXPECT(n <= left_);
  const std::uint64_t phase = phase_;
  left_ -= n;
  expected_ -= dropped;
  const bool last = left_ == 0;
  gate_.unlock();
  if (!last) return phase;
  // Not in the gate, as it is the user's. All others wait, or have no business here.
  if (this_scheduler != nullptr) {
    shield(complete);
  } else {
    complete();
  }
  gate_.lock();
  ++phase_;
  left_ = expected_;
  const wait_queue taken = take_all(waiting_);
  gate_.unlock();
  wake_taken(taken);
  return phase;
}

void barrier_core::wait(std::uint64_t phase, call_site where) {
  enter_point(here("barrier::wait"), where);
  wait_for(phase, where);
}

void barrier_core::arrive_and_wait(function_ref<void()> complete, call_site where) {
  enter_point(here("barrier::arrive_and_wait"), where);
  wait_for(arrive(1, 0, complete), where);
}

void barrier_core::wait_for(std::uint64_t phase, call_site where) {
  gate_.lock();
  if (phase_ != phase) return gate_.unlock();
  scheduler& s = *this_scheduler;
  shared_waiter how(s, gate_, "a barrier", where);
  wait_behind(s, waiting_, how);
}

}  // namespace motet::detail
