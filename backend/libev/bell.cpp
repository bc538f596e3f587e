// SPDX-License-Identifier: MIT
#include "backend/libev/bell.hpp"

namespace motet {

bell::bell(event_loop& loop) : loop_(loop) {
  ev_io_init(&watcher_, &on_ring, event_.fd(), EV_READ);
  watcher_.data = this;
  loop_.start(watcher_);
}

bell::~bell() {
  loop_.stop(watcher_);
}

void bell::on_ring(struct ev_loop*, ev_io* watcher, int) noexcept {
  wake_event& event = static_cast<bell*>(watcher->data)->event_;
  event.empty();
  event.reset();
}

}  // namespace motet
