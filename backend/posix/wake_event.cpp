// SPDX-License-Identifier: MIT
#include "backend/posix/wake_event.hpp"

#include "backend/posix/result_of.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace motet {

wake_event::wake_event(bool blocking)
    : fd_(::eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK))) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

wake_event::~wake_event() {
  ::close(fd_);
}

void wake_event::set() noexcept {
  // One write is enough until it has been seen.
  if (set_.exchange(true)) return;
  const int saved = errno;
  const std::uint64_t one = 1;
  static_cast<void>(result_of([&] { return ::write(fd_, &one, sizeof one); }));
  errno = saved;
}

void wake_event::empty() noexcept {
  std::uint64_t times = 0;
  static_cast<void>(result_of([&] { return ::read(fd_, &times, sizeof times); }));
}

void wake_event::reset() noexcept {
  // Not a store: what was done before a `set` that found this set is visible after.
  set_.exchange(false);
}

}  // namespace motet
