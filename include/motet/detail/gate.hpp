// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What keeps threads apart for a few instructions.

#include <motet/detail/flag.hpp>

namespace motet::detail {

/// Held while a queue or a count changes: never while a fiber parks, and never while code
/// of users runs that may take long. Whoever leaves it does not touch it any more, and
/// what it guards may be destroyed once another has had it. Any thread.
class gate {
 public:
  constexpr gate() noexcept = default;
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  ~gate() = default;

  void lock() noexcept;  // lib/core/shared_wait.hpp, for the library only
  void unlock() noexcept;

 private:
  flag held_;
};

}  // namespace motet::detail
