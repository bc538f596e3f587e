// SPDX-License-Identifier: MIT
#include "backend/libev/bell.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace motet {
namespace {

int make_eventfd() {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  return fd;
}

}  // namespace

bell::bell(event_loop& loop) : loop_(loop) {
  ev_io_init(&watcher_, &on_ring, make_eventfd(), EV_READ);
  watcher_.data = this;
  loop_.start(watcher_);
}

bell::~bell() {
  loop_.stop(watcher_);
  ::close(watcher_.fd);
}

void bell::ring() noexcept {
  // One write is enough until it has been seen.
  if (rung_.exchange(true)) return;
  const int saved = errno;
  const std::uint64_t one = 1;
  while (::write(watcher_.fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
  errno = saved;
}

void bell::on_ring(struct ev_loop*, ev_io* watcher, int) noexcept {
  std::uint64_t times = 0;
  [[maybe_unused]] const ssize_t got = ::read(watcher->fd, &times, sizeof times);
  // Not a store: what was done before a `ring` that found this set is visible after.
  static_cast<bell*>(watcher->data)->rung_.exchange(false);
}

}  // namespace motet
