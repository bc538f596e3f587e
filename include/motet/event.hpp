// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Something that has happened, or not yet.

#include <motet/call_site.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>

namespace motet {

/// A flag to wait for. It stays set until it is reset.
///
/// Any thread; `wait` in fibers only. It may be destroyed as soon as all waits for it
/// have returned: `set` does not touch it after that.
class event {
 public:
  constexpr event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() = default;

  /// Parks until it is set. Who waited when it was set goes on, even if it has been reset
  /// since. Cancellation point.
  void wait(call_site where = call_site::here());

  /// Sets it, and wakes all who wait.
  void set() noexcept;
  /// From now on, it has to be set again.
  void reset() noexcept;
  [[nodiscard]] bool is_set() const noexcept;

 private:
  mutable detail::gate gate_;
  bool set_ = false;
  detail::wait_queue waiting_;
};

}  // namespace motet
