// SPDX-License-Identifier: MIT
#include "backend/libev/deadline.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

#include <sys/timerfd.h>
#include <unistd.h>

namespace motet {
namespace {

int make_timer() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "timerfd_create");
  return fd;
}

}  // namespace

deadline::deadline(event_loop& loop) : loop_(loop) {
  ev_io_init(&watcher_, &on_alarm, make_timer(), EV_READ);
  watcher_.data = this;
  loop_.start(watcher_);
}

deadline::~deadline() {
  loop_.stop(watcher_);
  ::close(watcher_.fd);
}

void deadline::set(time_point due) noexcept {
  if (set_to_ <= due) return;
  const duration since_start = due.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
  itimerspec alarm{};
  alarm.it_value.tv_sec = seconds.count();
  alarm.it_value.tv_nsec = (since_start - seconds).count();
  if (::timerfd_settime(watcher_.fd, TFD_TIMER_ABSTIME, &alarm, nullptr) == 0)
    set_to_ = due;
}

void deadline::on_alarm(struct ev_loop*, ev_io* watcher, int) noexcept {
  std::uint64_t times = 0;
  [[maybe_unused]] const ssize_t got = ::read(watcher->fd, &times, sizeof times);
  static_cast<deadline*>(watcher->data)->set_to_ = time_point::max();
}

}  // namespace motet
