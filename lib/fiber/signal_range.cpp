// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/fiber/signal_table.hpp"

#include <motet/signals.hpp>

#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <memory>
#include <string>
#include <system_error>

namespace motet {

namespace detail {

/// What signal handlers on any thread leave for one scheduler. Lives on while its task is
/// on its way there.
struct signal_inbox : signal_listener {
  remote_queue& door;
  std::atomic<signal_set> pending{0};
  std::atomic<bool> on_its_way{false};
  struct news : remote_task {
    signal_inbox* of = nullptr;
  } arrival;

  // For the scheduler's thread only.
  wait_queue waiting;
  bool left = false;

  signal_inbox(remote_queue& to, signal_set numbers) noexcept;
};

namespace {

/// In a signal handler.
void note(signal_listener& listener, int number) noexcept {
  auto& inbox = static_cast<signal_inbox&>(listener);
  inbox.pending.fetch_or(only(number));
  if (inbox.on_its_way.exchange(true)) return;
  if (!inbox.door.post(inbox.arrival)) inbox.on_its_way.store(false);
}

/// On the scheduler's thread; if that has ended, by its destructor.
void arrive_at(remote_task& task) noexcept {
  signal_inbox* const inbox = static_cast<signal_inbox::news&>(task).of;
  // Before they look: what comes later posts anew.
  inbox->on_its_way.store(false);
  if (inbox->left) {
    delete inbox;
  } else if (!inbox->waiting.empty()) {
    this_scheduler->wake_all(inbox->waiting);
  }
}

/// Takes the lowest of what is there; 0 if nothing is.
int take_one(signal_inbox& inbox) noexcept {
  const signal_set there = inbox.pending.load();
  if (there == 0) return 0;
  const int number = std::countr_zero(there) + 1;
  inbox.pending.fetch_and(~only(number));
  return number;
}

/// A signal may come whatever the fibers do, so nothing is deadlocked meanwhile. In a
/// simulation nothing comes from outside, and time must not wait for it.
class expectation {
 public:
  explicit expectation(scheduler& s) noexcept
      : of_(s.kernel().simulated() ? nullptr : &s) {
    if (of_ != nullptr) of_->expect_wake();
  }
  expectation(const expectation&) = delete;
  expectation& operator=(const expectation&) = delete;
  ~expectation() {
    if (of_ != nullptr) of_->wake_came();
  }

 private:
  scheduler* const of_;
};

/// The program's own errors would happen again as soon as their handler returned.
bool is_for_programs_to_wait_for(int number) noexcept {
  switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGKILL:
    case SIGSTOP:
      return false;
    default:
      return number > 0 && number <= last_signal;
  }
}

signal_set set_of(std::initializer_list<int> numbers) {
  signal_set all = 0;
  for (const int number : numbers) {
    if (!is_for_programs_to_wait_for(number)) {
      throw std::system_error(EINVAL, std::system_category(),
                              "wait for signal " + std::to_string(number));
    }
    all |= only(number);
  }
  return all;
}

}  // namespace

signal_inbox::signal_inbox(remote_queue& to, signal_set numbers) noexcept : door(to) {
  wanted.store(numbers);
  heard = &note;
  arrival.run = &arrive_at;
  arrival.of = this;
}

}  // namespace detail

signals::signals(std::initializer_list<int> numbers) {
  detail::scheduler& s = detail::here("signals");
  auto inbox = std::make_unique<detail::signal_inbox>(s.door(), detail::set_of(numbers));
  listen_for_signals(*inbox, detail::when_ignored::take);
  inbox_ = inbox.release();
}

signals::~signals() {
  stop_listening(*inbox_);
  if (inbox_->on_its_way.load()) {
    inbox_->left = true;
  } else {
    delete inbox_;
  }
}

int signals::wait(call_site where) {
  detail::scheduler& s = detail::here("signals::wait");
  detail::fiber_state& self = enter_point(s, where);
  if (const int number = detail::take_one(*inbox_); number != 0) return number;
  const detail::expectation signal(s);
  for (;;) {
    detail::wait_in(s, inbox_->waiting, "a signal", where);
    if (const int number = detail::take_one(*inbox_); number != 0) return number;
    detail::check(self, where);  // another fiber was faster
  }
}

}  // namespace motet
