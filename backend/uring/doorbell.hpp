// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How other threads and signal handlers end a wait in the ring.

#include "backend/posix/wake_event.hpp"

#include <liburing.h>

#include <cstdint>

namespace motet {

/// Same thread only, except `ring`. To be destroyed when the kernel does not listen.
class doorbell {
 public:
  /// Throws `std::system_error`.
  /// @param reads whether the ring can read. Then its event blocks: older kernels fail
  /// reads of a non-blocking one with -EAGAIN instead of parking them.
  explicit doorbell(bool reads) : event_(reads), reads_(reads) {}

  /// Safe on any thread and in signal handlers.
  void ring() noexcept { event_.set(); }

  /// Whether the kernel has an entry that completes on `ring`.
  [[nodiscard]] bool listening() const noexcept { return listening_; }
  /// Fills in such an entry, except its user data.
  void listen(io_uring_sqe& entry) noexcept;
  /// To be told that the entry has completed.
  void settle() noexcept;

 private:
  wake_event event_;
  const bool reads_;
  bool listening_ = false;
  std::uint64_t count_ = 0;  ///< The kernel writes here.
};

}  // namespace motet
