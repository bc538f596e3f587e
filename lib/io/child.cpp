// SPDX-License-Identifier: MIT
#include "lib/io/child.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/forked.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/io/perform.hpp"

#include <motet/process.hpp>
#include <motet/shield.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace motet::detail {

namespace {

// glibc has no name for it before 2.36. Kernel: include/uapi/linux/wait.h, 5.4.
constexpr auto by_pidfd = static_cast<idtype_t>(3);

/// Not open where there are none that can be waited for: before Linux 5.4, and in
/// sandboxes that know no pidfds.
descriptor open_pidfd(pid_t pid) noexcept {
  descriptor made(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  siginfo_t info{};
  const auto id = static_cast<id_t>(made.fd());
  if (::waitid(by_pidfd, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) made.close();
  return made;
}

/// How long to leave a child alone that has no pidfd, before its end is looked for again:
/// short at first, for programs that are over at once.
class looks {
 public:
  duration next() noexcept {
    const duration now = span_;
    span_ = std::min<duration>(span_ * 2, 32ms);
    return now;
  }

 private:
  duration span_ = 1ms;
};

void block_for(duration span) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
  const timespec wanted{static_cast<time_t>(seconds.count()),
                        static_cast<long>((span - seconds).count())};
  ::nanosleep(&wanted, nullptr);
}

bool in_a_fiber() noexcept {
  return this_scheduler != nullptr && !in_forked_child;
}

/// Not so where a callback borrows the thread, between two fibers.
bool may_park() noexcept {
  const fiber_state& self = this_scheduler->running();
  return self.phase == fiber_phase::running && self.chain.no_suspend == 0;
}

exit_status status_of(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED ? exit_status::of_code(info.si_status)
                                    : exit_status::of_signal(info.si_status);
}

}  // namespace

child::child(const process_options& what, pipe_ends& ours)
    : grace_(what.grace),
      waited_for_('"' + what.program + "\" to end"),
      pid_(start_program(what, ours)),
      pidfd_(open_pidfd(pid_)) {}

child::~child() {
  // A forked child is a brother of this one.
  if (!in_forked_child) terminate(grace_, {});
}

exit_status child::wait(call_site where) {
  enter_point(here("process::wait"), where);
  while (!try_reap())
    await_end(where);
  return *status_;
}

std::optional<exit_status> child::try_reap() noexcept {
  if (status_) return status_;
  siginfo_t info{};
  const bool by_number = pidfd_.fd() < 0;
  const auto id = static_cast<id_t>(by_number ? pid_ : pidfd_.fd());
  if (::waitid(by_number ? P_PID : by_pidfd, id, &info, WEXITED | WNOHANG) != 0) {
    status_ = exit_status();  // somebody else was told
  } else if (info.si_pid != 0) {
    status_ = status_of(info);
  }
  return status_;
}

exit_status child::terminate(duration grace, call_site where) noexcept {
  if (try_reap()) return *status_;
  if (!in_a_fiber()) {
    end_while_blocked(grace);
  } else if (!may_park()) {
    end_while_blocked({});
  } else {
    try {
      end_while_parked(grace, where);
    } catch (...) {  // no memory for a timer
      end_while_blocked({});
    }
  }
  return *status_;
}

bool child::signal(int number) noexcept {
  if (status_) return false;
  if (pidfd_.fd() >= 0)
    return ::syscall(SYS_pidfd_send_signal, pidfd_.fd(), number, nullptr, 0) == 0;
  return ::kill(pid_, number) == 0;
}

/// Whether there is something to reap. It stays there.
bool child::has_ended() const noexcept {
  siginfo_t info{};
  const int failed =
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  return failed != 0 || info.si_pid != 0;
}

void child::await_end(call_site where) {
  const char* const what = waited_for_.c_str();
  if (pidfd_.fd() >= 0) {
    io_wait* alone = nullptr;
    if (perform(poll_request{pidfd_.fd(), POLLIN}, what, alone, where) >= 0) return;
  }
  // Not by a thread of the pool that waits for it: as many children as threads, and
  // whatever else needs the pool would have to wait for one of them.
  for (looks rest; !has_ended();)
    sleep(rest.next(), where);
}

void child::end_while_parked(duration grace, call_site where) {
  signal_group(SIGTERM);
  signal_group(SIGCONT);  // what is stopped could not hear of it
  static_cast<void>(shield(
      grace, [&] { await_end(where); }, where));
  // The group's number is its own until its leader is reaped, so this comes first.
  signal_group(SIGKILL);
  shield([&] { wait(where); }, where);
}

void child::end_while_blocked(duration grace) noexcept {
  const auto end = std::chrono::steady_clock::now() + grace;
  if (grace > duration{}) {
    signal_group(SIGTERM);
    signal_group(SIGCONT);
  }
  for (looks rest; !has_ended() && std::chrono::steady_clock::now() < end;)
    block_for(rest.next());
  signal_group(SIGKILL);
  for (looks rest; !try_reap();)
    block_for(rest.next());
}

void child::signal_group(int number) noexcept {
  // With nobody there any more the number may be anybody's. A zombie is still there.
  if (signal(0)) ::kill(-pid_, number);
}

}  // namespace motet::detail
