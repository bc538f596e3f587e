// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What other threads and signal handlers set to end a wait in the kernel: a descriptor
/// that is readable then.

#include <atomic>

namespace motet {

/// An eventfd. Same thread only, except `set`.
class wake_event {
 public:
  /// Throws `std::system_error`.
  /// @param blocking whether reading it waits: for a kernel that reads it itself.
  explicit wake_event(bool blocking);
  wake_event(const wake_event&) = delete;
  wake_event& operator=(const wake_event&) = delete;
  ~wake_event();

  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// Safe on any thread and in signal handlers.
  void set() noexcept;

  /// Makes it unreadable, if it does not block.
  void empty() noexcept;
  /// To be said when it has been emptied, and not before: what is set from now on is news
  /// again. What was done before a `set` is visible afterwards.
  void reset() noexcept;

 private:
  int fd_;
  std::atomic<bool> set_ = false;
};

}  // namespace motet
