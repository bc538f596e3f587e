// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/core/shared_wait.hpp"

#include <motet/latch.hpp>

#include <mutex>

namespace motet {

void latch::count_down(std::size_t n) noexcept {
  detail::wait_queue taken;
  gate_.lock();
  MOTET_EXPECT(n <= left_);
  left_ -= n;
  if (left_ == 0) taken = detail::take_all(waiting_);
  gate_.unlock();
  detail::wake_taken(taken);
}

bool latch::try_wait() const noexcept {
  const std::lock_guard guarded(gate_);
  return left_ == 0;
}

void latch::wait(call_site where) {
  arrive_and_wait(0, where);
}

void latch::arrive_and_wait(std::size_t n, call_site where) {
  detail::scheduler& s = detail::here("latch::wait");
  enter_point(s, where);
  if (n != 0) count_down(n);
  gate_.lock();
  if (left_ == 0) return gate_.unlock();
  detail::shared_waiter how(s, gate_, "a latch", where);
  detail::wait_behind(s, waiting_, how);
}

}  // namespace motet
