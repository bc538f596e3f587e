// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An owned descriptor and the operations under way on it.

#include <utility>

namespace motet::detail {

struct io_wait;  // lib/io/perform.hpp

/// Closes what it owns. Same thread only.
///
/// Invariant: while a fiber is parked in an operation on the descriptor, the slot for its
/// direction names that wait, so that `close` can end it.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~descriptor() { close(); }

  /// Ends operations under way: their fibers get a closed_error. Twice does no harm.
  void close() noexcept {
    if (fd_ >= 0) close_open();
  }

  /// Gives the descriptor away, open.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] io_wait*& incoming() noexcept { return incoming_; }
  [[nodiscard]] io_wait*& outgoing() noexcept { return outgoing_; }

 private:
  void close_open() noexcept;

  int fd_ = -1;
  io_wait* incoming_ = nullptr;
  io_wait* outgoing_ = nullptr;
};

}  // namespace motet::detail
