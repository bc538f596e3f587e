// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An alarm for one deadline, to the nanosecond.
///
/// libev's own timers count in milliseconds of a clock that is read once per round, and
/// so may fire early or late (ev(3), "the special problem of being too early").

#include "backend/libev/event_loop.hpp"

#include <motet/time.hpp>

namespace motet {

/// Rings at the latest when it was last set to, and may ring for an earlier deadline that
/// nobody waits for any more. Same thread only.
class deadline {
 public:
  /// Throws `std::system_error`.
  explicit deadline(event_loop& loop);
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline();

  /// Sees to it that the loop wakes at `due`, which is to come, and not only then.
  void set(time_point due) noexcept;

 private:
  static void on_alarm(struct ev_loop*, ev_io* watcher, int) noexcept;

  event_loop& loop_;
  ev_io watcher_{};
  time_point set_to_ = time_point::max();
};

}  // namespace motet
