// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Says which fiber overflowed its stack, before the process dies of it.
///
/// A fault in the guard of a stack writes one sentence to stderr; then the process dies
/// of the signal at the faulting instruction, as it would have without. Every other fault
/// is left to whoever handled the signal before.

#include <cstddef>

namespace motet {

/// Writes a sentence about the fiber this thread runs into `into`, without a newline.
/// Async-signal-safe.
/// @returns its length; 0 if the thread runs no fiber.
using overflow_describer = std::size_t (*)(char* into, std::size_t room) noexcept;

/// Once per process: later calls do nothing. A handler that is installed afterwards
/// replaces this one and may chain to it. Safe on any thread.
void install_overflow_handler(overflow_describer describer) noexcept;

/// What signal handlers of this thread run on: an overflowed stack has no room for them.
/// A thread that has such a stack keeps it. Created and destroyed on the thread it
/// serves.
class alternate_stack {
 public:
  /// @throws std::system_error
  alternate_stack();
  alternate_stack(const alternate_stack&) = delete;
  alternate_stack& operator=(const alternate_stack&) = delete;
  ~alternate_stack();

 private:
  void* low_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace motet
