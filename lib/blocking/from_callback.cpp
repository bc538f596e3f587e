// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/core/shared_wait.hpp"

#include <motet/detail/callback_state.hpp>
#include <motet/error.hpp>
#include <motet/shield.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace motet::detail {

/// Kept by the fiber until it has what it waits for, and by the resumers.
struct callback_state {
  callback_state(void* s, void (*d)(void*) noexcept) noexcept : slot(s), destroy(d) {}

  void* const slot;
  void (*const destroy)(void* slot) noexcept;
  std::exception_ptr error;
  std::atomic<unsigned> users{2};     ///< The fiber, and all resumers together.
  std::atomic<unsigned> resumers{1};  ///< The registration is one.

  gate guard;             ///< For what follows.
  bool claimed = false;   ///< Somebody was first, or the fiber has gone.
  bool is_there = false;  ///< So is the value, or the error.
  wait_queue waiting;     ///< The fiber, once it has parked.
};

namespace {

void drop_user(callback_state& state) noexcept {
  if (state.users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  state.destroy(state.slot);
  delete &state;
}

/// A fiber that waits is taken along: from now on nothing else wakes it.
bool claim(callback_state& state, shared_waiter*& found) noexcept {
  const std::lock_guard guarded(state.guard);
  if (std::exchange(state.claimed, true)) return false;
  found = state.waiting.empty() ? nullptr : &take_first(state.waiting);
  return true;
}

void hand_over(callback_state& state, shared_waiter* found) noexcept {
  {
    const std::lock_guard guarded(state.guard);
    state.is_there = true;
    // It may have come meanwhile.
    if (!state.waiting.empty()) found = &take_first(state.waiting);
  }
  if (found != nullptr) wake(*found);
}

struct callback_waiter : shared_waiter {
  callback_state& state;

  callback_waiter(scheduler& s, callback_state& waits_for, call_site place) noexcept
      : shared_waiter(s, waits_for.guard, "a callback", place), state(waits_for) {
    // Who was first is about to put the value there: that cannot be cut short.
    abort = state.claimed ? nullptr : &give_up;
  }

  static void give_up(waiter& how) noexcept {
    auto& w = static_cast<callback_waiter&>(how);
    {
      const std::lock_guard guarded(w.guard);
      if (w.queue == nullptr) {
        w.aborted = false;
        w.fiber->deadlocked = false;
        return;
      }
      w.state.waiting.remove(w);
      w.state.claimed = true;
    }
    this_scheduler->unpark(*w.fiber);
  }
};

/// Parks, with the gate held until then.
void park_for(scheduler& s, callback_state& state, call_site where) {
  callback_waiter how(s, state, where);
  state.waiting.push(how);
  state.guard.unlock();
  s.expect_wake();
  // Not only for masks: the registration may have brought a request about.
  s.park(how, &disturb);
  s.wake_came();
  if (how.aborted) deliver_after_abort(s, where);
}

}  // namespace

void add_resumer(callback_state& state) noexcept {
  state.resumers.fetch_add(1, std::memory_order_relaxed);
}

void drop_resumer(callback_state& state) noexcept {
  if (state.resumers.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (shared_waiter* found = nullptr; claim(state, found)) {
    state.error = std::make_exception_ptr(structure_error(
        "from_callback: the last resumer was destroyed, and none had been called"));
    hand_over(state, found);
  }
  drop_user(state);
}

bool callback_handle::resume(function_ref<void(void*)> store) const {
  shared_waiter* found = nullptr;
  if (!claim(*state_, found)) return false;
  try {
    store(state_->slot);
  } catch (...) {
    state_->error = std::current_exception();  // the fiber is the one to know
  }
  hand_over(*state_, found);
  return true;
}

bool callback_handle::fail(std::exception_ptr error) const {
  shared_waiter* found = nullptr;
  if (!error || !claim(*state_, found)) return false;
  state_->error = std::move(error);
  hand_over(*state_, found);
  return true;
}

callback_wait::callback_wait(void* slot, void (*destroy)(void*) noexcept, call_site where)
    : state_(nullptr), where_(where) {
  try {
    enter_point(here("from_callback"), where);
    state_ = new callback_state(slot, destroy);
  } catch (...) {
    destroy(slot);
    throw;
  }
}

callback_wait::~callback_wait() {
  {
    const std::lock_guard guarded(state_->guard);
    state_->claimed = true;
  }
  registered();
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): resumers are counted apart
  drop_user(*state_);
}

void callback_wait::registered() noexcept {
  if (!std::exchange(registered_, true)) drop_resumer(*state_);
}

void callback_wait::wait(function_ref<void()> on_cancel) {
  state_->guard.lock();
  if (state_->is_there) {
    state_->guard.unlock();
  } else {
    try {
      park_for(*this_scheduler, *state_, where_);
    } catch (...) {
      shield(on_cancel);
      throw;
    }
  }
  if (state_->error) std::rethrow_exception(state_->error);
}

}  // namespace motet::detail
