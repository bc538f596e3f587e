// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A libev loop: our own, or one that a user lends.
///
/// Our watchers never count as activity of the loop, so that in a lent one the user's
/// count stays the user's.

#include <ev.h>

namespace motet {

/// Same thread only.
class event_loop {
 public:
  /// Makes a loop of our own, on epoll, unless one is `lent`. Throws `std::system_error`
  /// that says what was refused.
  explicit event_loop(struct ev_loop* lent);
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  ~event_loop();

  [[nodiscard]] bool lent() const noexcept { return lent_; }

  void start(ev_io& watcher) noexcept;
  void stop(ev_io& watcher) noexcept;
  /// libev itself has stopped the watcher: its descriptor is no longer open.
  void was_stopped() noexcept { ev_ref(loop_); }

  /// Looks for events and calls back, or else first waits until there is one.
  void look() noexcept { ev_run(loop_, EVRUN_NOWAIT); }
  void wait() noexcept;

 private:
  struct ev_loop* const loop_;
  const bool lent_;
};

}  // namespace motet
