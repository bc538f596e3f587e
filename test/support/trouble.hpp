// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Things that go wrong, and code that runs when a block is left.

#include <stdexcept>
#include <string>
#include <utility>

namespace motet::test {

/// A user's exception; a different type for each number.
template <int Number>
struct numbered_trouble : std::runtime_error {
  explicit numbered_trouble(const std::string& what = "trouble")
      : std::runtime_error(what) {}
};
using trouble = numbered_trouble<0>;
using trouble_1 = numbered_trouble<1>;
using trouble_2 = numbered_trouble<2>;

/// Runs `f` in its destructor: `const cleanup last([&] { log("last"); });`.
template <class F>
class cleanup {
 public:
  explicit cleanup(F f) : f_(std::move(f)) {}
  cleanup(const cleanup&) = delete;
  cleanup& operator=(const cleanup&) = delete;
  ~cleanup() { f_(); }

 private:
  F f_;
};

}  // namespace motet::test
