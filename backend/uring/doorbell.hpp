// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// How other threads and signal handlers end a wait in the ring.

#include <liburing.h>

#include <atomic>
#include <cstdint>

namespace motet {

/// Same thread only, except `ring`.
class doorbell {
 public:
  doorbell() = default;
  doorbell(const doorbell&) = delete;
  doorbell& operator=(const doorbell&) = delete;
  /// To be destroyed when the kernel does not listen.
  ~doorbell();

  /// To be called once, before all else. Throws `std::system_error`.
  /// @param reads whether the ring can read.
  void open(bool reads);

  /// Safe on any thread and in signal handlers.
  void ring() noexcept;

  /// Whether the kernel has an entry that completes on `ring`.
  [[nodiscard]] bool listening() const noexcept { return listening_; }
  /// Fills in such an entry, except its user data.
  void listen(io_uring_sqe& entry) noexcept;
  /// To be told that the entry has completed.
  void settle() noexcept;

 private:
  int fd_ = -1;
  bool reads_ = true;
  bool listening_ = false;
  std::uint64_t count_ = 0;  ///< The kernel writes here.
  std::atomic<bool> rung_ = false;
};

}  // namespace motet
