// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Keeping signals away from threads that are made.

#include <csignal>

namespace motet {

/// A thread inherits what is blocked where it is made.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept {
    sigset_t all{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace motet
