// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The switch for 64-bit ARM, as `context.hpp` describes it.

namespace motet {

struct context {
  void* stack_pointer = nullptr;
  void* frame_pointer = nullptr;
  void* resume_at = nullptr;
};

/// Where a fresh context starts: finds the entry and its argument on its stack.
extern "C" void motet_context_entry() noexcept;

/// Where the stack of a context that does not run ends; what to prefetch before a switch.
[[nodiscard]] inline void* parked_stack_pointer(const context& parked) noexcept {
  return parked.stack_pointer;
}

/// Where the frame of the function that asks ends.
[[nodiscard, gnu::always_inline]] inline void* current_stack_pointer() noexcept {
  void* here = nullptr;
  asm("mov %0, sp" : "=r"(here));
  return here;
}

inline void make_context(context& fresh, [[maybe_unused]] void* stack_low,
                         void* stack_top, void (*entry)(void*), void* argument) noexcept {
  void** const top = static_cast<void**>(stack_top);
  top[-1] = argument;
  top[-2] = reinterpret_cast<void*>(entry);
  // No frame pointer: whoever follows the chain of frames stops there.
  fresh = {top - 2, nullptr, reinterpret_cast<void*>(&motet_context_entry)};
}

// Inlined, for the reasons given for x86-64. x18 is neither kept nor changed, for it may
// belong to the platform; yet it is declared lost, because on Linux compilers allocate
// it. A scalable vector register is lost with the v register that is its low part.
[[gnu::always_inline]] inline void switch_context(context& from, context& to) noexcept {
  register context* left asm("x0") = &from;
  register context* entered asm("x1") = &to;
  asm volatile(
      "adr x16, 1f\n\t"
      "mov x17, sp\n\t"
      "stp x17, x29, [%0]\n\t"
      "str x16, [%0, #16]\n\t"
      "ldp x17, x29, [%1]\n\t"
      "ldr x16, [%1, #16]\n\t"
      "mov sp, x17\n\t"
      "br x16\n"
      "1:"
      : "+r"(left), "+r"(entered)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
        "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
        "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
        "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
        "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "p0",
        "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
        "p14", "p15", "cc", "memory");
}

}  // namespace motet
