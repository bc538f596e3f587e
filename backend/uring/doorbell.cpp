// SPDX-License-Identifier: MIT
#include "backend/uring/doorbell.hpp"

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace motet {

doorbell::~doorbell() {
  if (fd_ >= 0) ::close(fd_);
}

void doorbell::open(bool reads) {
  reads_ = reads;
  // Blocking where the ring reads: older kernels fail reads of a non-blocking one with
  // -EAGAIN instead of parking them.
  fd_ = ::eventfd(0, EFD_CLOEXEC | (reads ? 0 : EFD_NONBLOCK));
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

void doorbell::ring() noexcept {
  // One write is enough until it has been seen.
  if (rung_.exchange(true)) return;
  const int saved = errno;
  const std::uint64_t one = 1;
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  errno = saved;
}

void doorbell::listen(io_uring_sqe& entry) noexcept {
  if (reads_) {
    io_uring_prep_read(&entry, fd_, &count_, sizeof count_, 0);
  } else {
    io_uring_prep_poll_add(&entry, fd_, POLLIN);
  }
  listening_ = true;
}

void doorbell::settle() noexcept {
  listening_ = false;
  if (!reads_) {
    while (::read(fd_, &count_, sizeof count_) < 0 && errno == EINTR) {
    }
  }
  // Not a store: what was done before a `ring` that found this set is visible after.
  rung_.exchange(false);
}

}  // namespace motet
