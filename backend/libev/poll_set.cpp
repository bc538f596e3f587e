// SPDX-License-Identifier: MIT
#include "backend/libev/poll_set.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/epoll.h>
#include <unistd.h>

namespace motet {

poll_set::~poll_set() {
  if (set_ >= 0) ::close(set_);
}

int poll_set::watch(int fd, short events) noexcept {
  if (set_ < 0) set_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (set_ < 0) return -errno;
  // The events have the same numbers in poll(2) and in epoll(7).
  epoll_event event{};
  event.events = static_cast<std::uint16_t>(events) | EPOLLONESHOT;
  event.data.fd = fd;
  if (::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &event) == 0) return 0;
  if (errno != EEXIST) return -errno;
  return ::epoll_ctl(set_, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : -errno;
}

int poll_set::next() noexcept {
  epoll_event event{};
  return ::epoll_wait(set_, &event, 1, 0) == 1 ? event.data.fd : -1;
}

}  // namespace motet
