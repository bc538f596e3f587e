// SPDX-License-Identifier: MIT
#include "lib/fiber/signal_table.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <string>
#include <system_error>

#include <sched.h>
#include <unistd.h>

namespace motet::detail {

namespace {

struct handled_signal {
  struct sigaction before {};
  unsigned users = 0;
};

// The handler reads the list while others change it: it takes no lock, as the code that
// it interrupts may hold one. So who leaves the list waits for all handlers at work.
constinit std::array<handled_signal, last_signal + 1> handled{};
constinit std::atomic<signal_listener*> first_listener{nullptr};
constinit std::atomic<unsigned> handlers_at_work{0};
constinit std::atomic<pid_t> handling_process{0};

constinit std::mutex changes;

void tell(int number) noexcept {
  signal_listener* last_resort = nullptr;
  bool told = false;
  for (signal_listener* l = first_listener.load(); l != nullptr; l = l->next.load()) {
    if ((l->wanted.load() & only(number)) == 0) continue;
    if (l->last_resort) {
      last_resort = l;
    } else {
      l->heard(*l, number);
      told = true;
    }
  }
  if (!told && last_resort != nullptr) last_resort->heard(*last_resort, number);
}

void on_signal(int number) {
  if (::getpid() != handling_process.load()) {
    // In a forked child no fiber is to hear: it means what it means elsewhere.
    std::signal(number, SIG_DFL);
    std::raise(number);
    return;
  }
  const int saved_errno = errno;
  handlers_at_work.fetch_add(1);
  tell(number);
  handlers_at_work.fetch_sub(1);
  errno = saved_errno;
}

bool is_ignored(const struct sigaction& how) noexcept {
  return (how.sa_flags & SA_SIGINFO) == 0 && how.sa_handler == SIG_IGN;
}

/// @returns whether it is handled now; false and `errno` if it cannot be, false and 0 if
/// it is ignored and stays so.
bool handle(int number, when_ignored policy) noexcept {
  handled_signal& h = handled[static_cast<std::size_t>(number)];
  errno = 0;
  if (h.users == 0) {
    struct sigaction ours {};
    ours.sa_handler = &on_signal;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    if (::sigaction(number, nullptr, &h.before) != 0) return false;
    if (policy == when_ignored::leave && is_ignored(h.before)) return false;
    if (::sigaction(number, &ours, nullptr) != 0) return false;
  } else if (policy == when_ignored::leave && is_ignored(h.before)) {
    return false;
  }
  ++h.users;
  return true;
}

void let_go(signal_set numbers) noexcept {
  for (int number = 1; number <= last_signal; ++number) {
    if ((numbers & only(number)) == 0) continue;
    handled_signal& h = handled[static_cast<std::size_t>(number)];
    if (--h.users == 0) ::sigaction(number, &h.before, nullptr);
  }
}

void enlist(signal_listener& listener) noexcept {
  listener.next.store(first_listener.load());
  first_listener.store(&listener);
}

void strike_off(signal_listener& listener) noexcept {
  std::atomic<signal_listener*>* place = &first_listener;
  while (place->load() != &listener)
    place = &place->load()->next;
  place->store(listener.next.load());
  while (handlers_at_work.load() != 0)
    ::sched_yield();
}

}  // namespace

void listen_for_signals(signal_listener& listener, when_ignored policy) {
  const std::lock_guard lock(changes);
  handling_process.store(::getpid());
  // First the listener: what comes as soon as it is handled, somebody hears.
  enlist(listener);
  const signal_set wanted = listener.wanted.load();
  signal_set taken = 0;
  for (int number = 1; number <= last_signal; ++number) {
    if ((wanted & only(number)) == 0) continue;
    if (handle(number, policy)) {
      taken |= only(number);
    } else if (const int failed = errno; failed != 0) {
      let_go(taken);
      strike_off(listener);
      throw std::system_error(failed, std::system_category(),
                              "handle signal " + std::to_string(number));
    }
  }
  listener.wanted.store(taken);
}

void stop_listening(signal_listener& listener) noexcept {
  const std::lock_guard lock(changes);
  let_go(listener.wanted.load());
  strike_off(listener);
}

}  // namespace motet::detail
