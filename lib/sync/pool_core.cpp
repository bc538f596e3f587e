// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/core/shared_wait.hpp"

#include <motet/detail/pool_core.hpp>

#include <mutex>
#include <utility>

namespace motet::detail {

void pool_core::take_turn(call_site where) {
  turns_.acquire_before(time_point::max(), 1, "a resource of a pool", where);
}

pooled* pool_core::take_idle() noexcept {
  const std::lock_guard guarded(gate_);
  if (idle_ == nullptr) return nullptr;
  --idle_count_;
  return std::exchange(idle_, idle_->next);
}

void pool_core::add() noexcept {
  const std::lock_guard guarded(gate_);
  ++size_;
}

void pool_core::give_back(pooled& p) noexcept {
  {
    const std::lock_guard guarded(gate_);
    p.next = std::exchange(idle_, &p);
    ++idle_count_;
  }
  give_turn();
}

void pool_core::forget() noexcept {
  {
    const std::lock_guard guarded(gate_);
    --size_;
  }
  give_turn();
}

std::size_t pool_core::size() const noexcept {
  const std::lock_guard guarded(gate_);
  return size_;
}

std::size_t pool_core::idle() const noexcept {
  const std::lock_guard guarded(gate_);
  return idle_count_;
}

}  // namespace motet::detail
