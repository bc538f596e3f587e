// SPDX-License-Identifier: MIT
#include "backend/sim/sim_backend.hpp"

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
  operation* const finished = network_.take_finished();
  for (const operation* op = finished; op != nullptr; op = op->next)
    --in_flight_;
  const bool waits = finished == nullptr && !woken && until != time_point::max();
  if (waits && until > now_) now_ = until;
  return finished;
}

void sim_backend::wake() noexcept {
  woken_.store(true);
}

std::int32_t sim_backend::answer(const call& question) noexcept {
  return network_.answer(question);
}

void sim_backend::advance(duration passing) noexcept {
  now_ = detail::add_saturated(now_, passing);
}

std::unique_ptr<backend> make_sim_backend() {
  return std::make_unique<sim_backend>();
}

}  // namespace motet
