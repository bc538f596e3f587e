// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The switch by `swapcontext`, for what has no switch of its own: portable and slow.
///
/// It asks the kernel for the signal mask at every switch, so fibers have a mask each,
/// and it switches the floating-point control words where the C library does. Rely on
/// neither: the other switches do not.

#include <ucontext.h>

namespace motet {

struct context {
  ucontext_t* saved = nullptr;  ///< Lives on the stack of the context itself.
};

/// Where the stack of a context that does not run ends, or a little above.
[[nodiscard]] inline void* parked_stack_pointer(const context& parked) noexcept {
  return parked.saved;
}

/// Near where the frame of the function that asks ends.
[[nodiscard, gnu::always_inline]] inline void* current_stack_pointer() noexcept {
  return __builtin_frame_address(0);
}

void make_context(context& fresh, void* stack_low, void* stack_top, void (*entry)(void*),
                  void* argument) noexcept;

inline void switch_context(context& from, context& to) noexcept {
  ucontext_t here;
  // The rest is filled in by the switch, but ASan looks here for a stack to unpoison.
  here.uc_stack = {};
  from.saved = &here;
  swapcontext(&here, to.saved);
}

}  // namespace motet
