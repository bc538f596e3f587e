// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Writing without SIGPIPE.

#include <cerrno>
#include <csignal>
#include <ctime>

namespace motet {

/// Keeps SIGPIPE from this thread. Disposition and flags belong to the whole program, and
/// pipes know no MSG_NOSIGNAL.
class sigpipe_held {
 public:
  sigpipe_held() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    sigset_t pending{};
    // Only what was blocked before can be pending already.
    const bool blocked = ::sigismember(&before_, SIGPIPE) == 1;
    was_pending_ =
        blocked && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
  }
  sigpipe_held(const sigpipe_held&) = delete;
  sigpipe_held& operator=(const sigpipe_held&) = delete;
  ~sigpipe_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// Forgets the one that the last call has raised.
  void forget() const noexcept {
    const timespec at_once{};
    if (was_pending_) return;
    while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace motet
