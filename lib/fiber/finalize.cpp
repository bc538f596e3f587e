// SPDX-License-Identifier: MIT
#include "lib/fiber/finalize.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>
#include <motet/finally.hpp>
#include <motet/no_suspend.hpp>

#include <utility>

namespace motet::detail {

no_suspend_guard::no_suspend_guard() : chain_(current_chain()) {
  ++chain_.no_suspend;
  this_scheduler->running().attention = true;
}

void finalize(function_ref<void()> f, const call_site& where) noexcept {
  if (this_scheduler == nullptr) return f();  // outside of fibers: any destructor
  fiber_state& self = this_scheduler->running();
  const auto keep = [&](std::exception_ptr error) {
    self.more().finalizer_errors.push_back({self.chain.innermost, std::move(error)});
  };
  try {
    shield(f, where);
  } catch (const cancelled&) {
    keep(std::make_exception_ptr(
        structure_error("a `cancelled` left a finalizer, which nobody asked to stop")));
  } catch (...) {
    keep(std::current_exception());
  }
}

void run_beside_error(function_ref<void()> f) {
  const std::exception_ptr handled = std::current_exception();
  try {
    f();
  } catch (...) {
    add_cause(this_scheduler->running(), handled, {std::current_exception()});
  }
}

void add_cause(fiber_state& self, const std::exception_ptr& error,
               error_list suppressed) {
  for (known_error& known : self.more().known) {
    if (known.error != error) continue;
    known.suppressed.insert(known.suppressed.end(), suppressed.begin(), suppressed.end());
    return;
  }
  remember_error(self, {.error = error, .suppressed = std::move(suppressed)});
}

error_list take_finalizer_errors(fiber_state& self, const cancel_scope& node) {
  error_list taken;
  if (!has_finalizer_errors(self)) return taken;
  std::erase_if(self.extras->finalizer_errors, [&](finalizer_error& e) {
    if (e.boundary != &node) return false;
    taken.push_back(std::move(e.error));
    return true;
  });
  return taken;
}

void throw_finalizer_errors(fiber_state& self, const cancel_scope& node) {
  if (auto error = aggregate(take_finalizer_errors(self, node))) {
    std::rethrow_exception(std::move(error));
  }
}

}  // namespace motet::detail
