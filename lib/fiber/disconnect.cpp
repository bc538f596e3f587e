// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/disconnect.hpp>
#include <motet/error.hpp>

#include <string>

namespace motet::detail {

namespace {

void abandon(fiber_state& running, const std::string& why, const call_site& where) {
  ask(running, disposition::stop,
      make_request(cancel_kind::stop, "disconnected: " + why, where));
}

}  // namespace

cancel_scope* enter_disconnect(call_site where) {
  enter_point(here("disconnect"), where);
  return daemon_home();
}

void wait_or_abandon(const fiber_handle& running, bool has_result, call_site where) {
  fiber_state& target = *running.get();
  try {
    wait_in(*this_scheduler, target.end_waiters, "what may go on without it", where);
  } catch (const cancelled& c) {
    abandon(target, to_string(c.reason()), where);
    throw;
  } catch (...) {
    abandon(target, describe(std::current_exception()), where);
    throw;
  }
  check_end(running, has_result);
}

}  // namespace motet::detail
