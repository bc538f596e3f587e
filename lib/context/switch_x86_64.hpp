// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The switch for x86-64, as `context.hpp` describes it.

// g++ knows these registers only where it may use them.
#if defined(__AVX512F__)
#define MOTET_AVX512_REGISTERS                                                         \
  "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",     \
      "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", \
      "k4", "k5", "k6", "k7",
#else
#define MOTET_AVX512_REGISTERS
#endif

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
  asm("movq %%rsp, %0" : "=r"(here));
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

// Inlined, and left by a jump: a called switch would save six registers whether they are
// in use or not, and its return is mispredicted as soon as fibers run different code. So
// all registers are declared lost, and the compiler spills those that hold something. The
// frame pointer cannot be declared lost; it is kept by hand.
[[gnu::always_inline]] inline void switch_context(context& from, context& to) noexcept {
  context* left = &from;
  context* entered = &to;
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%0)\n\t"
      "movq %%rbp, 8(%0)\n\t"
      "movq %%rax, 16(%0)\n\t"
      "movq 0(%1), %%rsp\n\t"
      "movq 8(%1), %%rbp\n\t"
      "jmpq *16(%1)\n"
      "1:"
      : "+D"(left), "+S"(entered)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
        MOTET_AVX512_REGISTERS "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7",
        "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc",
        "memory");
}

}  // namespace motet

#undef MOTET_AVX512_REGISTERS
