// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the C++ runtime remembers, per thread, about exceptions that are being handled.
///
/// A parked fiber may be inside a `catch`. The runtime keeps the chain of caught
/// exceptions per thread, so a fiber that parks in a handler and then says `throw;` would
/// rethrow another fiber's exception. Who switches fibers copies the live pair into the
/// state of the fiber that is left, and the state of the fiber that is entered into the
/// live pair:
///
///     left.exceptions = *live;
///     *live = entered.exceptions;

#include <cstddef>
#include <type_traits>

#include <cxxabi.h>

namespace motet {

/// The layout of `__cxa_eh_globals` in the Itanium C++ ABI.
struct exception_state {
  void* caught = nullptr;  ///< The exceptions being handled, innermost first.
  unsigned uncaught = 0;   ///< How many are thrown and not yet caught.
};

static_assert(sizeof(exception_state) == 2 * sizeof(void*));
static_assert(offsetof(exception_state, uncaught) == sizeof(void*));
static_assert(std::is_trivially_copyable_v<exception_state>);

/// The pair of the thread that asks. Its address is good for the thread's life: ask once.
[[nodiscard]] inline exception_state* live_exception_state() noexcept {
  return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
}

}  // namespace motet
