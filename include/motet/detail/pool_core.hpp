// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is the same for pools of every type.

#include <motet/call_site.hpp>
#include <motet/detail/gate.hpp>
#include <motet/semaphore.hpp>

#include <cstddef>

namespace motet::detail {

/// What a resource stands behind.
struct pooled {
  pooled* next = nullptr;
};

/// Turns, as many as there may be resources: who has one finds an idle resource, or there
/// is room for one more. And the idle ones. Any thread.
class pool_core {
 public:
  explicit pool_core(std::size_t limit) noexcept : turns_(limit) {}
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;
  ~pool_core() = default;

  /// Looks for cancellation; parks until there is a turn.
  void take_turn(call_site where);
  void give_turn() noexcept { turns_.release(); }

  /// The one that was put there last; null: none is idle.
  [[nodiscard]] pooled* take_idle() noexcept;
  /// One more has been made, by who has the turn.
  void add() noexcept;
  /// One is given back, and the turn.
  void give_back(pooled& p) noexcept;
  /// One was destroyed: gives the turn.
  void forget() noexcept;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t idle() const noexcept;
  [[nodiscard]] std::size_t waiting() const noexcept { return turns_.waiting(); }

 private:
  semaphore turns_;
  mutable gate gate_;
  pooled* idle_ = nullptr;
  std::size_t idle_count_ = 0;
  std::size_t size_ = 0;
};

/// A turn, which the next one gets if nothing comes of it.
class pool_turn {
 public:
  pool_turn(pool_core& pool, call_site where) : pool_(&pool) { pool.take_turn(where); }
  pool_turn(const pool_turn&) = delete;
  pool_turn& operator=(const pool_turn&) = delete;
  ~pool_turn() {
    if (pool_ != nullptr) pool_->give_turn();
  }

  /// The turn goes with a resource from now on.
  void keep() noexcept { pool_ = nullptr; }

 private:
  pool_core* pool_;
};

}  // namespace motet::detail
