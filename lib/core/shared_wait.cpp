// SPDX-License-Identifier: MIT
#include "lib/core/shared_wait.hpp"

#include <mutex>

#include <sched.h>

namespace motet::detail {

void await_gate(flag& held) noexcept {
  constexpr unsigned patience = 100;
  for (unsigned tries = 1;; ++tries) {
    // Looking does not take the cache line away from whoever is about to leave.
    if (!held.is_set() && !held.test_and_set()) return;
    if (tries >= patience) sched_yield();
  }
}

void leave_shared_queue(waiter& how) noexcept {
  auto& w = static_cast<shared_waiter&>(how);
  {
    const std::lock_guard guarded(w.guard);
    if (w.queue == nullptr) {
      w.aborted = false;
      w.fiber->deadlocked = false;
      return;
    }
    w.queue->remove(w);
  }
  this_scheduler->unpark(*w.fiber);
}

void arrive(remote_task& task) noexcept {
  this_scheduler->unpark(*static_cast<shared_waiter::arrival_task&>(task).of->fiber);
}

void wake_elsewhere(shared_waiter& w) noexcept {
  w.arrival.run = &arrive;
  w.arrival.of = &w;
  // Its scheduler lives as long as any of its fibers waits.
  w.whose.door->post(w.arrival);
}

void forsake(shared_waiter& w, const char* gone) noexcept {
  w.what = gone;
  w.abort = [](waiter& how) noexcept { this_scheduler->unpark(*how.fiber); };
}

void wake_taken(wait_queue taken) noexcept {
  for (queue_waiter* w = taken.first; w != nullptr;) {
    queue_waiter* const next = w->next;
    wake(static_cast<shared_waiter&>(*w));
    w = next;
  }
}

}  // namespace motet::detail
