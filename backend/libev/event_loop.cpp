// SPDX-License-Identifier: MIT
#include "backend/libev/event_loop.hpp"

#include <cerrno>
#include <system_error>

namespace motet {
namespace {

// Not to be told otherwise by LIBEV_FLAGS in the environment. The other two are for
// watchers that we do not have.
constexpr unsigned flags = unsigned{EVBACKEND_EPOLL} | unsigned{EVFLAG_NOENV} |
                           unsigned{EVFLAG_NOINOTIFY} | unsigned{EVFLAG_NOTIMERFD};

struct ev_loop* make_loop() {
  errno = 0;
  struct ev_loop* const made = ev_loop_new(flags);
  if (made == nullptr) {
    throw std::system_error(errno != 0 ? errno : ENOSYS, std::system_category(),
                            "make a libev loop on epoll");
  }
  return made;
}

}  // namespace

event_loop::event_loop(struct ev_loop* lent)
    : loop_(lent != nullptr ? lent : make_loop()), lent_(lent != nullptr) {}

event_loop::~event_loop() {
  if (!lent_) ev_loop_destroy(loop_);
}

void event_loop::start(ev_io& watcher) noexcept {
  if (ev_is_active(&watcher)) return;
  ev_io_start(loop_, &watcher);
  ev_unref(loop_);
}

void event_loop::stop(ev_io& watcher) noexcept {
  if (!ev_is_active(&watcher)) return;
  ev_ref(loop_);
  ev_io_stop(loop_, &watcher);
}

void event_loop::wait() noexcept {
  // A loop without activity does not wait.
  ev_ref(loop_);
  ev_run(loop_, EVRUN_ONCE);
  ev_unref(loop_);
}

}  // namespace motet
