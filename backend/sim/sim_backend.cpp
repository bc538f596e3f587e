// SPDX-License-Identifier: MIT
#include "backend/sim/sim_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <string>
#include <variant>
#include <vector>

#include <semaphore.h>

namespace motet {

namespace {

time_point real_time() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return time_point(std::chrono::seconds(now.tv_sec) +
                    std::chrono::nanoseconds(now.tv_nsec));
}

timespec as_timespec(time_point when) noexcept {
  const auto all = when.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(all);
  return {seconds.count(), (all - seconds).count()};
}

}  // namespace

sim_backend::sim_backend(course* how) noexcept : course_(how), network_(how) {
  ::sem_init(&wakes_, 0, 0);
}

sim_backend::~sim_backend() {
  ::sem_destroy(&wakes_);
}

void sim_backend::submit(operation& op) noexcept {
  ++in_flight_;
  network_.start(op);
}

void sim_backend::cancel(operation& op) noexcept {
  network_.withdraw(op);
}

operation* sim_backend::poll(time_point until) noexcept {
  // Whoever called `wake` wants to be heard now, not at the end of the wait.
  const bool woken = take_wake();
  operation* finished = network_.take_finished();
  if (finished == nullptr && !woken) {
    time_point next = std::min(until, network_.next_arrival());
    if (expects_wakes_ && next > now()) next = wait_for_wake(next);
    if (next != time_point::max()) network_.pass(std::max(next, now()));
    finished = network_.take_finished();
  }
  finished = in_some_order(finished);
  for (const operation* op = finished; op != nullptr; op = op->next) {
    --in_flight_;
    note(*op);
  }
  return finished;
}

/// Kernels promise no order among operations that finish at a time.
operation* sim_backend::in_some_order(operation* finished) {
  if (course_ == nullptr || finished == nullptr) return finished;
  std::vector<operation*> left;
  for (operation* op = finished; op != nullptr; op = op->next)
    left.push_back(op);
  operation* first = nullptr;
  operation** last = &first;
  while (!left.empty()) {
    const std::size_t taken = course_->decide(decision::completion, left.size());
    if (course_->wants_to_hear(taken)) {
      course_->tell(moment_of(now()) + ": " + name_of(left[taken]->what) +
                    " is told of before " + name_of(left[0]->what));
    }
    const auto at = left.begin() + static_cast<std::ptrdiff_t>(taken);
    *last = *at;
    last = &(*at)->next;
    left.erase(at);
  }
  *last = nullptr;
  return first;
}

void sim_backend::note(const operation& op) noexcept {
  if (course_ == nullptr) return;
  course_->note(op.what.index());
  // A real descriptor is another one each time.
  const bool real = op.result >= 0 && std::holds_alternative<open_request>(op.what);
  course_->note(real ? 0 : static_cast<std::uint32_t>(op.result));
  course_->note(static_cast<std::uint64_t>(now().time_since_epoch().count()));
}

void sim_backend::wake() noexcept {
  if (!woken_.exchange(true)) ::sem_post(&wakes_);
}

bool sim_backend::take_wake() noexcept {
  if (!woken_.exchange(false)) return false;
  // No post is lost: one for each time the flag was set. If it comes later than its flag,
  // it ends a later wait early, which does no harm.
  const int saved = errno;
  static_cast<void>(::sem_trywait(&wakes_));
  errno = saved;
  return true;
}

/// Waits for real. @returns when it is: `until` if nobody called.
time_point sim_backend::wait_for_wake(time_point until) noexcept {
  const int saved = errno;
  const time_point start = real_time();
  const timespec end = as_timespec(detail::add_saturated(start, until - now()));
  int failed = 0;
  do {
    failed = ::sem_clockwait(&wakes_, CLOCK_MONOTONIC, &end);
  } while (failed != 0 && errno == EINTR);
  errno = saved;
  if (failed != 0) return until;
  woken_.exchange(false);
  return std::min(until, now() + (real_time() - start));
}

std::int32_t sim_backend::answer(const call& question) noexcept {
  return network_.answer(question);
}

void sim_backend::advance(duration passing) noexcept {
  network_.pass(detail::add_saturated(now(), passing));
}

std::unique_ptr<backend> make_sim_backend(course* how) {
  return std::make_unique<sim_backend>(how);
}

}  // namespace motet
