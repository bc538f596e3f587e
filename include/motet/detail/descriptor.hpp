// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An owned descriptor and the operations under way on it.

#include <utility>

namespace motet::detail {

struct io_wait;  // lib/io/perform.hpp
class intake;    // lib/io/intake.hpp

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
  descriptor(descriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        fifo_(other.fifo_),
        ahead_(std::exchange(other.ahead_, nullptr)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
      fifo_ = other.fifo_;
      ahead_ = std::exchange(other.ahead_, nullptr);
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
  /// Whether it is a FIFO that was opened by name.
  [[nodiscard]] bool is_fifo() const noexcept { return fifo_; }
  void set_fifo() noexcept { fifo_ = true; }
  [[nodiscard]] io_wait*& incoming() noexcept { return incoming_; }
  [[nodiscard]] io_wait*& outgoing() noexcept { return outgoing_; }
  /// What has come before it was asked for; null: nothing.
  [[nodiscard]] intake* ahead() const noexcept { return ahead_; }
  void set_ahead(intake* ahead) noexcept { ahead_ = ahead; }

 private:
  void close_open() noexcept;
  void let_go_of_ahead() noexcept;

  int fd_ = -1;
  bool fifo_ = false;
  io_wait* incoming_ = nullptr;
  io_wait* outgoing_ = nullptr;
  intake* ahead_ = nullptr;
};

}  // namespace motet::detail
