// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/remote.hpp"

#include <motet/detail/promise_state.hpp>
#include <motet/error.hpp>

#include <atomic>
#include <utility>

namespace motet::detail {

struct promise_state {
  std::atomic<unsigned> references{1};
  bool settled = false;
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

void check_thread(const promise_state& promise) {
  if (promise.waiters.empty() || is_local(*promise.waiters.first->fiber)) return;
  throw structure_error("a promise for which a fiber of another thread waits");
}

void mark_settled(promise_state& promise) noexcept {
  promise.settled = true;
  this_scheduler->wake_all(promise.waiters);
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
  check_thread(*state_);
  if (!state_->settled) {
    wait_in(s, state_->waiters, "a promise to be set", where);
  }
  if (state_->error) std::rethrow_exception(state_->error);
  return state_->slot;
}

bool promise_handle::settle(function_ref<void(void*)> store) const {
  if (state_->settled) return false;
  check_thread(*state_);
  store(state_->slot);
  mark_settled(*state_);
  return true;
}

bool promise_handle::settle(std::exception_ptr error) const {
  if (state_->settled || !error) return false;
  check_thread(*state_);
  state_->error = std::move(error);
  mark_settled(*state_);
  return true;
}

bool promise_handle::settled() const noexcept {
  return state_->settled;
}

}  // namespace motet::detail
