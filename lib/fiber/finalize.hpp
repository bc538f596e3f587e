// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What finalizers threw, on its way to the boundary of the scope they ran in.

#include "lib/core/fiber_state.hpp"

#include <exception>
#include <vector>

namespace motet::detail {

[[nodiscard]] inline bool has_finalizer_errors(const fiber_state& self) noexcept {
  return self.extras != nullptr && !self.extras->finalizer_errors.empty();
}

/// The errors of the finalizers that ran in `node`, the first first.
[[nodiscard]] error_list take_finalizer_errors(fiber_state& self,
                                               const cancel_scope& node);

/// Throws them, if there are any.
void throw_finalizer_errors(fiber_state& self, const cancel_scope& node);

/// Notes that `suppressed` gave way to `error`.
void add_cause(fiber_state& self, const std::exception_ptr& error, error_list suppressed);

}  // namespace motet::detail
