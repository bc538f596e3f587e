// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Errors as the kernel has them, for F5.

#include <string>
#include <vector>

namespace motet::test {

/// What came of an operation on a real backend.
struct real_cell {
  std::string backend;
  std::string operation;
  int condition;  ///< An errno, or 0 for bytes that come one by one.
  std::string seen;
};

/// Brings up each error that can be had without privileges, on each real backend there
/// is. Takes some seconds.
[[nodiscard]] std::vector<real_cell> observe_for_real();

}  // namespace motet::test
