// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How other threads and signal handlers end a wait in the loop.

#include "backend/libev/event_loop.hpp"
#include "backend/posix/wake_event.hpp"

namespace motet {

/// Same thread only, except `ring`.
class bell {
 public:
  /// Throws `std::system_error`.
  explicit bell(event_loop& loop);
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;
  ~bell();

  /// Ends the loop's wait, or else its next one. Any thread, and signal handlers.
  void ring() noexcept { event_.set(); }

 private:
  static void on_ring(struct ev_loop*, ev_io* watcher, int) noexcept;

  event_loop& loop_;
  wake_event event_{false};
  ev_io watcher_{};
};

}  // namespace motet
