// SPDX-License-Identifier: MIT
#include "lib/fiber/signals.hpp"

#include <atomic>
#include <csignal>

#include <unistd.h>

namespace motet::detail {

namespace {

/// Whether signals stop some scheduler's main fiber: that of the first that asked for it.
constinit std::atomic<bool> somebody_watches{false};

struct watched_signal {
  int number;
  const char* name;
};
constexpr watched_signal watched[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}};

void ignore_broken_pipes() noexcept {
  struct sigaction now {};
  sigaction(SIGPIPE, nullptr, &now);
  if (now.sa_handler != SIG_DFL || (now.sa_flags & SA_SIGINFO) != 0) return;
  now.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &now, nullptr);
}

}  // namespace

const char* signal_name(int number) noexcept {
  for (const watched_signal& w : watched) {
    if (w.number == number) return w.name;
  }
  return "a signal";
}

int signal_number(std::string_view name) noexcept {
  for (const watched_signal& w : watched) {
    if (w.name == name) return w.number;
  }
  return 0;
}

signal_watch::signal_watch(remote_queue& door, signal_policy policy) : door_(door) {
  ignore_broken_pipes();
  if (policy == signal_policy::none || somebody_watches.exchange(true)) return;
  watching_ = true;
  signal_set both = 0;
  for (const watched_signal& w : watched)
    both |= only(w.number);
  wanted.store(both);
  last_resort = true;
  heard = [](signal_listener& self, int number) noexcept {
    // The third says that asking did not help.
    if (static_cast<signal_watch&>(self).door_.post_signal(number) >= 2)
      _exit(128 + number);
  };
  // Ignored signals stay ignored: whoever started us wanted that (nohup, a shell's `&`).
  listen_for_signals(*this, when_ignored::leave);
}

signal_watch::~signal_watch() {
  if (!watching_) return;
  stop_listening(*this);
  somebody_watches.store(false);
}

}  // namespace motet::detail
