// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Telling a process from its child.

namespace motet {

/// Costs one load, where getpid(2) is a system call.
class forks {
 public:
  /// To be said before `count` is of any use; more often does no harm. Throws
  /// `std::system_error`.
  static void start_counting();

  /// How many forks have led from the process that started counting to this one.
  [[nodiscard]] static unsigned count() noexcept { return count_; }

 private:
  static void in_child() noexcept { ++count_; }

  // Only changes where there is one thread: in a child that is being made.
  inline static constinit unsigned count_ = 0;
};

}  // namespace motet
