// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Readiness that libev has no words for, such as urgent data or a peer's shutdown; told
/// once, so that unread bytes do not keep the loop busy.

namespace motet {

/// An epoll set, itself to be watched for reading. Same thread only.
class poll_set {
 public:
  poll_set() = default;
  poll_set(const poll_set&) = delete;
  poll_set& operator=(const poll_set&) = delete;
  ~poll_set();

  /// What is readable when `next` has something to tell; -1 before the first `watch`.
  [[nodiscard]] int fd() const noexcept { return set_; }

  /// Tells once when any of the poll(2) `events` is there, instead of what it was asked
  /// for this descriptor before. @returns 0, or -errno: -EPERM if nothing can happen to
  /// the descriptor, as to a regular file.
  [[nodiscard]] int watch(int fd, short events) noexcept;

  /// @returns a descriptor that something has happened to, or -1.
  [[nodiscard]] int next() noexcept;

 private:
  int set_ = -1;
};

}  // namespace motet
