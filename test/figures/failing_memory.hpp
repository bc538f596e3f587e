// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Memory that runs out when it is told to, once.

#include <cstddef>

namespace motet::test {

/// What can be refused: an allocation, a mapping of stacks, a call that hands entries to
/// the kernel's ring.
enum class scarce : unsigned char { allocation, mapping, entry };

/// From now on the `n`th of these fails, and only that; 0: none does. This thread's only.
void fail_the(std::size_t n, scarce what) noexcept;
/// Whether it has.
[[nodiscard]] bool has_failed() noexcept;
/// Writes to stderr who asked for what failed. Async-signal-safe.
void tell_where() noexcept;

/// Allocations by `operator new` that have not been given back.
[[nodiscard]] std::size_t live_allocations() noexcept;

/// While it lives nothing fails: for what belongs to the test, or to a simulated kernel.
class plenty {
 public:
  plenty() noexcept;
  plenty(const plenty&) = delete;
  plenty& operator=(const plenty&) = delete;
  ~plenty();
};

}  // namespace motet::test
