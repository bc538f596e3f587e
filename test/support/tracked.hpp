// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An object that is counted while it lives.

namespace motet::test {

class tracked {
 public:
  tracked() noexcept { ++alive_; }
  tracked(const tracked&) noexcept { ++alive_; }
  tracked& operator=(const tracked&) = default;
  ~tracked() { --alive_; }

  [[nodiscard]] static int alive() noexcept { return alive_; }

 private:
  static inline int alive_ = 0;
};

}  // namespace motet::test
