// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Small programs that have to survive whatever happens to them: being stopped anywhere,
/// and running out of memory anywhere.

#include <motet/time.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace motet::test {

/// What a scenario takes and has to give back, however it is left.
struct held_things {
  int taken = 0;
  int given_back = 0;

  void check() const {
    if (taken == given_back) return;
    throw std::logic_error(std::to_string(taken) + " taken, " +
                           std::to_string(given_back) + " given back");
  }
};

/// The unit of all waiting in scenarios: to be made shorter where time is real.
inline constinit duration beat = 1ms;

struct scenario {
  const char* name;
  std::size_t least;  ///< So many points it has, at the least.
  std::function<void(held_things&)> run;
  /// Which errors may come of stopping it, besides those that it ends with anyway.
  std::function<bool(const std::exception_ptr&)> expected = {};
  bool each_fiber = true;  ///< Whether it copes if just one of its fibers is stopped.
  bool in_real_time = true;
};

/// What passes values on.
[[nodiscard]] std::vector<scenario> channels();
/// The library's own composites.
[[nodiscard]] std::vector<scenario> combinators();
[[nodiscard]] std::vector<scenario> scopes();
[[nodiscard]] std::vector<scenario> supervision();
/// What fibers share.
[[nodiscard]] std::vector<scenario> locks();
/// What talks over sockets.
[[nodiscard]] std::vector<scenario> servers();
/// Those in examples/, taken as they are.
[[nodiscard]] std::vector<scenario> examples();

/// All of the library's.
[[nodiscard]] inline std::vector<scenario> library_scenarios() {
  std::vector<scenario> all;
  for (const auto& some :
       {channels(), combinators(), scopes(), supervision(), locks(), servers()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace motet::test
