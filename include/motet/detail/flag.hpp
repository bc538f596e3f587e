// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A bool that several threads set and look at: what is needed of std::atomic, since
/// <atomic> brings all of its waiting along.

namespace motet::detail {

class flag {
 public:
  constexpr flag() noexcept = default;
  flag(const flag&) = delete;
  flag& operator=(const flag&) = delete;
  ~flag() = default;

  /// Who sees it set sees what was done before that.
  [[nodiscard]] bool is_set() const noexcept {
    return __atomic_load_n(&set_, __ATOMIC_ACQUIRE);
  }
  void set() noexcept { __atomic_store_n(&set_, true, __ATOMIC_RELEASE); }
  void clear() noexcept { __atomic_store_n(&set_, false, __ATOMIC_RELEASE); }
  /// Without others to be told.
  void set_alone() noexcept { __atomic_store_n(&set_, true, __ATOMIC_RELAXED); }
  /// @returns whether it was set before.
  bool test_and_set() noexcept {
    return __atomic_exchange_n(&set_, true, __ATOMIC_ACQ_REL);
  }

 private:
  bool set_ = false;
};

}  // namespace motet::detail
