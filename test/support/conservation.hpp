// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What there must be as much of after a test case as before it.
///
/// Each test program looks around each of its cases, and fails if something is left over,
/// or gone.

#include <cstddef>

namespace motet::test {

/// A kind of thing that is counted.
struct conserved_kind {
  const char* name;  ///< Plural, as in "3 open descriptors".
  std::size_t (*count)() noexcept;
};

/// Adds a kind, at namespace scope.
struct conserve {
  explicit conserve(conserved_kind kind);
};

/// Says of the running case that it leaves `count` of a kind behind, on purpose.
void leave_behind(const char* name, std::size_t count);

/// How much heap is in use. Some of it stays warm: caches that are filled by the first
/// who needs them.
struct heap_use {
  std::size_t blocks = 0;
  std::size_t bytes = 0;
};
[[nodiscard]] heap_use count_heap() noexcept;
/// Whether this build counts it: beside a sanitizer, which looks itself, none does.
[[nodiscard]] bool heap_is_counted() noexcept;

/// Whether the cases that ended so far left everything as it was.
[[nodiscard]] bool all_was_conserved() noexcept;

}  // namespace motet::test
