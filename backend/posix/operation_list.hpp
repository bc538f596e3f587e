// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Operations in the order in which they came, linked through `operation::next`.

#include "backend/operation.hpp"

#include <utility>

namespace motet {

/// Owns nothing. Same thread only.
class operation_list {
 public:
  operation_list() = default;
  operation_list(const operation_list&) = delete;
  operation_list& operator=(const operation_list&) = delete;
  ~operation_list() = default;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] operation& front() const noexcept { return *first_; }
  /// Null if there is none.
  [[nodiscard]] const operation* first() const noexcept { return first_; }

  void push_back(operation& op) noexcept {
    op.next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = &op;
    last_ = &op;
  }

  void pop_front() noexcept { first_ = first_->next; }

  /// Takes out `op`. Quick for the oldest. @returns whether it was in the list.
  bool remove(operation& op) noexcept {
    operation* before = nullptr;
    for (operation* at = first_; at != &op; at = at->next) {
      if (at == nullptr) return false;
      before = at;
    }
    (before == nullptr ? first_ : before->next) = op.next;
    if (last_ == &op) last_ = before;
    return true;
  }

  /// Leaves the list empty. @returns the oldest, and through it all others.
  [[nodiscard]] operation* take_all() noexcept { return std::exchange(first_, nullptr); }

 private:
  operation* first_ = nullptr;
  operation* last_ = nullptr;  ///< Says nothing while there is no first.
};

}  // namespace motet
