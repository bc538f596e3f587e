// SPDX-License-Identifier: MIT
#include "lib/fiber/signals.hpp"

#include <atomic>
#include <csignal>

#include <unistd.h>

namespace motet::detail {

namespace {

/// Whose main fiber signals stop: the first scheduler that asked for it.
constinit std::atomic<remote_queue*> watched_door{nullptr};
constinit pid_t watching_process = 0;

struct watched_signal {
  int number;
  const char* name;
  struct sigaction before;
  bool taken;
};
watched_signal watched[] = {{SIGINT, "SIGINT", {}, false},
                            {SIGTERM, "SIGTERM", {}, false}};

void on_signal(int number) {
  if (::getpid() != watching_process) {
    // In a forked child no fiber is to be stopped: it means what it means elsewhere.
    std::signal(number, SIG_DFL);
    std::raise(number);
    return;
  }
  const int saved_errno = errno;
  remote_queue* const door = watched_door.load();
  // The third says that asking did not help.
  if (door != nullptr && door->post_signal(number) >= 2) _exit(128 + number);
  errno = saved_errno;
}

/// Ignored signals stay ignored: whoever started us wanted that (nohup, a shell's `&`).
void take(watched_signal& w) noexcept {
  struct sigaction ours {};
  ours.sa_handler = &on_signal;
  ours.sa_flags = SA_RESTART | SA_ONSTACK;
  sigaction(w.number, nullptr, &w.before);
  w.taken = w.before.sa_handler != SIG_IGN;
  if (w.taken) sigaction(w.number, &ours, nullptr);
}

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

signal_watch::signal_watch(remote_queue& door, signal_policy policy) {
  ignore_broken_pipes();
  if (policy == signal_policy::none) return;
  remote_queue* nobody = nullptr;
  watching_ = watched_door.compare_exchange_strong(nobody, &door);
  if (!watching_) return;
  watching_process = ::getpid();
  for (watched_signal& w : watched)
    take(w);
}

signal_watch::~signal_watch() {
  if (!watching_) return;
  for (watched_signal& w : watched) {
    if (w.taken) sigaction(w.number, &w.before, nullptr);
  }
  watched_door.store(nullptr);
}

}  // namespace motet::detail
