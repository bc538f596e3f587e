// SPDX-License-Identifier: MIT
#include "backend/sim/sim_backend.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace motet {

void sim_backend::submit(operation& op) noexcept {
  ++in_flight_;
  network_.start(op);
}

void sim_backend::cancel(operation& op) noexcept {
  network_.withdraw(op);
}

operation* sim_backend::poll(time_point until) noexcept {
  // Whoever called `wake` wants to be heard now, not at the end of the wait.
  const bool woken = woken_.exchange(false);
  operation* finished = network_.take_finished();
  if (finished == nullptr && !woken) {
    const time_point next = std::min(until, network_.next_arrival());
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
  course_->note(static_cast<std::uint32_t>(op.result));
  course_->note(static_cast<std::uint64_t>(now().time_since_epoch().count()));
}

void sim_backend::wake() noexcept {
  woken_.store(true);
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
