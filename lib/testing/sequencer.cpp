// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"

#include <motet/error.hpp>
#include <motet/sequencer.hpp>

#include <string>

namespace motet::testing {

void sequencer::wait_for(std::size_t step) {
  motet::detail::scheduler& s = motet::detail::here("sequencer");
  try {
    motet::detail::fiber_state& self = motet::detail::enter_point(s);
    while (step > next_ && !broken_) {
      motet::detail::wait_in(s, waiting_, "its step");
      motet::detail::check(self);
    }
  } catch (...) {
    broken_ = true;
    wake_all();
    throw;
  }
  if (broken_) throw structure_error("a step of the sequencer was given up");
  if (step < next_ || taking_) {
    throw structure_error("step " + std::to_string(step) + " of the sequencer twice");
  }
  taking_ = true;
}

void sequencer::pass() noexcept {
  taking_ = false;
  ++next_;
  wake_all();
}

void sequencer::wake_all() noexcept {
  motet::detail::this_scheduler->wake_all(waiting_);
}

}  // namespace motet::testing
