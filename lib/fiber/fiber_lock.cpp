// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/remote.hpp"

#include <motet/detail/fiber_lock.hpp>
#include <motet/error.hpp>

#include <string>

namespace motet::detail {

void fiber_lock::lock(const char* what, call_site where) {
  scheduler& s = here(what);
  fiber_state& self = enter_point(s, where);
  if (holder_ == nullptr) {
    holder_ = &self;
    return;
  }
  if (holder_ == &self) {
    throw deadlock_error(std::string("waits for ") + what + ", which it has already");
  }
  if (!is_local(*holder_)) {
    throw structure_error(std::string(what) + " of another thread");
  }
  wait_in(s, waiting_, what, where);
}

void fiber_lock::unlock() noexcept {
  holder_ = nullptr;
  if (waiting_.empty()) return;
  holder_ = waiting_.first->fiber;
  this_scheduler->wake_first(waiting_);
}

void pass_point(const char* what, call_site where) {
  enter_point(here(what), where);
}

}  // namespace motet::detail
