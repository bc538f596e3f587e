// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Calls that know no MSG_DONTWAIT, and are not to wait either.

#include <fcntl.h>

namespace motet {

/// While this lives, they do not. Sockets that a backend has opened for readiness are
/// non-blocking from the start.
class non_blocking {
 public:
  explicit non_blocking(int fd) noexcept : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (was_blocking()) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  non_blocking(const non_blocking&) = delete;
  non_blocking& operator=(const non_blocking&) = delete;
  ~non_blocking() {
    if (was_blocking()) ::fcntl(fd_, F_SETFL, flags_);
  }

 private:
  [[nodiscard]] bool was_blocking() const noexcept {
    return flags_ >= 0 && (flags_ & O_NONBLOCK) == 0;
  }

  const int fd_;
  const int flags_;
};

}  // namespace motet
