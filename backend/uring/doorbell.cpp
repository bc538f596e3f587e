// SPDX-License-Identifier: MIT
#include "backend/uring/doorbell.hpp"

#include <poll.h>

namespace motet {

void doorbell::listen(io_uring_sqe& entry) noexcept {
  if (reads_) {
    io_uring_prep_read(&entry, event_.fd(), &count_, sizeof count_, 0);
  } else {
    io_uring_prep_poll_add(&entry, event_.fd(), POLLIN);
  }
  listening_ = true;
}

void doorbell::settle() noexcept {
  listening_ = false;
  if (!reads_) event_.empty();
  event_.reset();
}

}  // namespace motet
