// SPDX-License-Identifier: MIT
#include "lib/core/shared_wait.hpp"

#include <motet/detail/promise_state.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

namespace motet::detail {

enum class promise_stage : std::uint8_t { open, being_set, settled };

struct promise_state {
  std::atomic<unsigned> references{1};
  gate guard;
  std::atomic<promise_stage> stage{promise_stage::open};  ///< Changes in the gate.
  void* slot = nullptr;
  void (*destroy)(void*) noexcept = nullptr;
  std::exception_ptr error;
  wait_queue waiters;
};

void add_reference(promise_state& promise) noexcept {
  promise.references.fetch_add(1, std::memory_order_relaxed);
}

void drop_reference(promise_state& promise) noexcept {
  if (promise.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  promise.destroy(promise.slot);
  delete &promise;
}

namespace {

/// Whether it is the caller's to set, which it then will.
bool begin_to_set(promise_state& promise) noexcept {
  const std::lock_guard guarded(promise.guard);
  if (promise.stage != promise_stage::open) return false;
  promise.stage = promise_stage::being_set;
  return true;
}

void mark_settled(promise_state& promise) noexcept {
  promise.guard.lock();
  promise.stage = promise_stage::settled;
  const wait_queue taken = take_all(promise.waiters);
  promise.guard.unlock();
  wake_taken(taken);
}

}  // namespace

promise_handle::promise_handle(void* slot, void (*destroy)(void*) noexcept)
    : state_(nullptr) {
  try {
    state_ = new promise_state;
  } catch (...) {
    destroy(slot);
    throw;
  }
  state_->slot = slot;
  state_->destroy = destroy;
}

void* promise_handle::wait(call_site where) const {
  scheduler& s = here("promise::get");
  enter_point(s, where);
  state_->guard.lock();
  if (state_->stage == promise_stage::settled) {
    state_->guard.unlock();
  } else {
    shared_waiter how(s, state_->guard, "a promise to be set", where);
    wait_behind(s, state_->waiters, how);
  }
  if (state_->error) std::rethrow_exception(state_->error);
  return state_->slot;
}

bool promise_handle::settle(function_ref<void(void*)> store) const {
  if (!begin_to_set(*state_)) return false;
  try {
    store(state_->slot);  // not in the gate, as it copies what is the user's
  } catch (...) {
    state_->stage = promise_stage::open;
    throw;
  }
  mark_settled(*state_);
  return true;
}

bool promise_handle::settle(std::exception_ptr error) const {
  if (!error || !begin_to_set(*state_)) return false;
  state_->error = std::move(error);
  mark_settled(*state_);
  return true;
}

bool promise_handle::settled() const noexcept {
  return state_->stage == promise_stage::settled;
}

}  // namespace motet::detail
