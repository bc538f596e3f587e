// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Doing something to a fiber on its own thread.

#include "lib/core/fiber_state.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/core/scheduler.hpp"

#include <utility>

namespace motet::detail {

/// Has `what(fiber)` done on the fiber's thread, soon, even if the fiber has ended by
/// then. Any thread. @returns whether it will be; if not, `what` is dropped.
template <class F>
bool post_surely(fiber_state& fiber, F what) {
  struct task : remote_task {
    fiber_handle target;
    F what;
    static void* operator new(std::size_t size) { return allocate_surely(size); }
    static void operator delete(void* block) noexcept { free_surely(block); }
    task(fiber_state& f, F&& w) : target(&f), what(std::move(w)) {
      run = [](remote_task& self) noexcept {
        auto& mine = static_cast<task&>(self);
        mine.what(*mine.target.get());
        delete &mine;
      };
    }
  };
  if (fiber.phase == fiber_phase::ended) return false;
  auto* const posted = new task(fiber, std::move(what));
  if (fiber.door->post(*posted)) return true;
  delete posted;
  return false;
}

/// The same, unless the fiber has ended by then.
template <class F>
bool post_to(fiber_state& fiber, F what) {
  return post_surely(fiber, [what = std::move(what)](fiber_state& f) mutable {
    // Its scheduler may have ended since, and the door be another's.
    if (this_scheduler != nullptr && f.phase != fiber_phase::ended) what(f);
  });
}

/// Does `what(fiber)` now, or on the fiber's thread soon.
/// @returns what it returns, or whether it will be done.
template <class F>
bool on_owner(fiber_state& fiber, F what) {
  if (is_local(fiber)) return what(fiber);
  return post_to(fiber, std::move(what));
}

}  // namespace motet::detail
