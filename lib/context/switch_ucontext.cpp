// SPDX-License-Identifier: MIT
#include "lib/context/switch_ucontext.hpp"

#include <cstddef>
#include <cstdint>
#include <new>

namespace motet {

namespace {

/// What lies at the top of a fresh stack. It is in use until the first switch, no longer.
struct first_frame {
  ucontext_t registers;
  void (*entry)(void*);
  void* argument;
};

/// `makecontext` hands over `int`s, so the address comes in two halves.
void enter(unsigned low_half, unsigned high_half) {
  const auto address = static_cast<std::uint64_t>(high_half) << 32U | low_half;
  auto* const frame =
      reinterpret_cast<first_frame*>(static_cast<std::uintptr_t>(address));
  frame->entry(frame->argument);
}

}  // namespace

void make_context(context& fresh, void* stack_low, void* stack_top, void (*entry)(void*),
                  void* argument) noexcept {
  constexpr std::size_t room = (sizeof(first_frame) + alignof(std::max_align_t) - 1) &
                               ~(alignof(std::max_align_t) - 1);
  auto* const low = static_cast<std::byte*>(stack_low);
  auto* const top = static_cast<std::byte*>(stack_top) - room;
  auto* const frame = new (top) first_frame;
  frame->entry = entry;
  frame->argument = argument;
  getcontext(&frame->registers);
  frame->registers.uc_link = nullptr;
  frame->registers.uc_stack.ss_sp = low;
  frame->registers.uc_stack.ss_size = static_cast<std::size_t>(top - low);
  const std::uint64_t address = reinterpret_cast<std::uintptr_t>(frame);
  makecontext(&frame->registers, reinterpret_cast<void (*)()>(enter), 2,
              static_cast<unsigned>(address), static_cast<unsigned>(address >> 32U));
  fresh.saved = &frame->registers;
}

}  // namespace motet
