// SPDX-License-Identifier: MIT
#include "lib/fiber/run_in.hpp"

#include "lib/fiber/finalize.hpp"

namespace motet::detail {

bool run_in(cancel_scope& node, function_ref<void()> body,
            void (*leave)(cancel_scope& node, const std::exception_ptr& error) noexcept) {
  fiber_state& self = *node.fiber;
  try {
    body();
  } catch (const cancelled&) {
    const bool ended = ends_here(self, node);
    leave(node, nullptr);
    close_scope(self, node);
    if (has_finalizer_errors(self)) throw_finalizer_errors(self, node);
    if (!ended) throw;
    return false;
  } catch (...) {
    leave(node, std::current_exception());
    close_scope(self, node);
    if (has_finalizer_errors(self)) {
      add_cause(self, std::current_exception(), take_finalizer_errors(self, node));
    }
    throw;
  }
  look_for_swallowed(*this_scheduler, &node);
  leave(node, nullptr);
  close_scope(self, node);
  if (has_finalizer_errors(self)) throw_finalizer_errors(self, node);
  return true;
}

}  // namespace motet::detail
