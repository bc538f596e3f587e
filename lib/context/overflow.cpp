// SPDX-License-Identifier: MIT
#include "lib/context/overflow.hpp"

#include "lib/context/stack.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace motet {

namespace {

constinit std::atomic<overflow_describer> installed{nullptr};

/// Who handled these signals before. Written before our handler can run.
struct sigaction previous_segv;
struct sigaction previous_bus;

void restore_default(int signal_number) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal_number, &action, nullptr);
}

void report() noexcept {
  constexpr std::string_view prefix = "motet: ";
  constexpr std::string_view unknown = "a fiber overflowed its stack";
  std::array<char, 1024> line;
  char* const text = std::copy(prefix.begin(), prefix.end(), line.data());
  const std::size_t room = line.size() - prefix.size() - 1;
  std::size_t length =
      std::min(installed.load(std::memory_order_relaxed)(text, room), room);
  if (length == 0) {
    std::copy(unknown.begin(), unknown.end(), text);
    length = unknown.size();
  }
  text[length] = '\n';
  // In one piece, so that lines of several threads do not mix.
  [[maybe_unused]] const ssize_t ignored =
      write(STDERR_FILENO, line.data(), prefix.size() + length + 1);
}

void chain(int signal_number, siginfo_t* info, void* registers) noexcept {
  const struct sigaction& before = signal_number == SIGBUS ? previous_bus : previous_segv;
  // The kernel raises a fault again when the handler returns; a signal that was sent it
  // does not.
  const bool sent = info->si_code <= 0;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal_number, info, registers);
  } else if (before.sa_handler == SIG_IGN && sent) {
    return;
  } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
    restore_default(signal_number);
    if (sent) raise(signal_number);
  } else {
    before.sa_handler(signal_number);
  }
}

void handle(int signal_number, siginfo_t* info, void* registers) noexcept {
  const int saved_errno = errno;
  // Only a fault has an address; in a signal that was sent the same bytes say by whom.
  if (info->si_code > 0 && in_guard(info->si_addr)) {
    report();
    // Then back to the faulting instruction, so that the core shows it.
    restore_default(signal_number);
  } else {
    chain(signal_number, info, registers);
  }
  errno = saved_errno;
}

void install(int signal_number, struct sigaction& previous) noexcept {
  // Read first: between the two calls a fault must find somebody to chain to.
  sigaction(signal_number, nullptr, &previous);
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_mask = previous.sa_mask;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous.sa_flags & SA_NODEFER);
  sigaction(signal_number, &action, nullptr);
}

}  // namespace

void install_overflow_handler(overflow_describer describer) noexcept {
  overflow_describer none = nullptr;
  if (!installed.compare_exchange_strong(none, describer)) return;
  install(SIGSEGV, previous_segv);
  install(SIGBUS, previous_bus);
}

alternate_stack::alternate_stack() {
  stack_t current{};
  if (sigaltstack(nullptr, &current) == 0 && (current.ss_flags & SS_DISABLE) == 0) return;
  // The registers of large vector units alone fill 11 KiB; handlers of others run here
  // too.
  const auto asked = static_cast<std::size_t>(std::max(0L, sysconf(_SC_SIGSTKSZ)));
  const std::size_t size = std::max(asked, std::size_t{64} * 1024);
  void* const low = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (low == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot map a stack for the signal handlers of a thread");
  }
  low_ = low;
  size_ = size;
  current = {};
  current.ss_sp = low;
  current.ss_size = size;
  sigaltstack(&current, nullptr);
}

alternate_stack::~alternate_stack() {
  if (low_ == nullptr) return;
  stack_t current{};
  // Somebody may have put another one in its place.
  if (sigaltstack(nullptr, &current) == 0 && current.ss_sp == low_) {
    current = {};
    current.ss_flags = SS_DISABLE;
    sigaltstack(&current, nullptr);
  }
  munmap(low_, size_);
}

}  // namespace motet
