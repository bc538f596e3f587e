// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Tells ASan, TSan and valgrind about stacks and switches, which they cannot see.
///
/// Every switch is framed by `sanitizer_before_switch` and `sanitizer_after_switch`; a
/// fresh fiber calls the latter first of all. Without a sanitizer all of it is empty.
/// TSan knows about 8,000 fibers and threads at a time, no more.

#include "lib/context/stack_span.hpp"

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOTET_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define MOTET_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MOTET_ASAN
#endif
#if defined(__SANITIZE_THREAD__)
#define MOTET_TSAN
#endif

#if defined(MOTET_ASAN)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(MOTET_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

namespace motet {

#if defined(MOTET_ASAN) || defined(MOTET_TSAN)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// What the sanitizers want to know of a fiber, or of a thread's own stack.
struct sanitizer_state {
#if defined(MOTET_ASAN)
  const void* low = nullptr;
  std::size_t size = 0;
  void* fake_stack = nullptr;
#endif
#if defined(MOTET_TSAN)
  void* fiber = nullptr;
#endif
};

/// A fiber gets its stack.
inline void sanitizer_create([[maybe_unused]] sanitizer_state& fresh,
                             [[maybe_unused]] stack_span stack) noexcept {
  fresh = {};
#if defined(MOTET_ASAN)
  fresh.low = stack.low;
  fresh.size = stack.size();
#endif
#if defined(MOTET_TSAN)
  fresh.fiber = __tsan_create_fiber(0);
#endif
}

/// The same for the stack that the thread was born with. Needs no `sanitizer_destroy`.
inline void sanitizer_adopt_thread([[maybe_unused]] sanitizer_state& own) noexcept {
  own = {};
#if defined(MOTET_ASAN)
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    void* low = nullptr;
    pthread_attr_getstack(&attributes, &low, &own.size);
    own.low = low;
    pthread_attr_destroy(&attributes);
  }
#endif
#if defined(MOTET_TSAN)
  own.fiber = __tsan_get_current_fiber();
#endif
}

/// A fiber is over, and something else runs.
inline void sanitizer_destroy([[maybe_unused]] sanitizer_state& gone) noexcept {
#if defined(MOTET_TSAN)
  __tsan_destroy_fiber(gone.fiber);
#endif
  gone = {};
}

/// Right before the switch: TSan takes whatever runs from here on for `to`. Inlined even
/// in debug builds, or TSan would see `to` return from a function that it never entered.
[[gnu::always_inline]] inline void sanitizer_before_switch(
    [[maybe_unused]] sanitizer_state& from, [[maybe_unused]] sanitizer_state& to,
    [[maybe_unused]] bool from_is_done) noexcept {
#if defined(MOTET_ASAN)
  // Without a place to keep it, ASan frees the fake stack of a fiber that is done.
  __sanitizer_start_switch_fiber(from_is_done ? nullptr : &from.fake_stack, to.low,
                                 to.size);
#endif
#if defined(MOTET_TSAN)
  __tsan_switch_to_fiber(to.fiber, 0);
#endif
}

/// Right after the switch, or first of all in a fresh fiber: `self` runs again.
[[gnu::always_inline]] inline void sanitizer_after_switch(
    [[maybe_unused]] sanitizer_state& self) noexcept {
#if defined(MOTET_ASAN)
  __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
#endif
}

/// Whether somebody keeps book of which memory may be used. Constant but for valgrind.
[[nodiscard]] inline bool memory_is_watched() noexcept {
#if defined(MOTET_ASAN)
  return true;
#elif defined(RUNNING_ON_VALGRIND)
  return RUNNING_ON_VALGRIND != 0;
#else
  return false;
#endif
}

/// A stack is about to be used, perhaps not for the first time: what is forbidden there
/// belongs to frames that are gone. Needed only where memory is watched.
inline void sanitizer_reuse([[maybe_unused]] stack_span stack) noexcept {
#if defined(MOTET_ASAN)
  __asan_unpoison_memory_region(stack.low, stack.size());
#elif defined(VALGRIND_MAKE_MEM_UNDEFINED)
  static_cast<void>(VALGRIND_MAKE_MEM_UNDEFINED(stack.low, stack.size()));
#endif
}

/// A stack is mapped, for good. Valgrind then takes a switch to it for what it is.
inline void announce_stack([[maybe_unused]] stack_span stack) noexcept {
#if defined(VALGRIND_STACK_REGISTER)
  static_cast<void>(VALGRIND_STACK_REGISTER(stack.low, stack.high));
#endif
}

}  // namespace motet

#undef MOTET_ASAN
#undef MOTET_TSAN
