// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Scenarios that are cancelled everywhere.

#include <motet/error.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

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

/// How many runs it takes to cancel at each of these points: before it, and in it if it
/// waits; all of the scenario, and, if asked for, only the fiber that is there.
inline std::size_t runs_for(const testing::cancel_everywhere_report& report,
                            bool each_fiber) {
  std::size_t runs = 1;
  for (const std::string& site : report.sites) {
    const bool waits = site.find("\": need not wait") == std::string::npos;
    const bool outermost = site.find("in fiber \"f\"") != std::string::npos;
    runs += (waits ? 2U : 1U) * (each_fiber && !outermost ? 2U : 1U);
  }
  return runs;
}

/// Stops `f` at all of its points, `least` at the least, and then only the fibers that
/// are there; nothing may come of it but a good end.
template <class F>
void survives_everywhere(std::size_t least, F&& f,
                         testing::cancel_everywhere_options options = {}) {
  for (const bool each_fiber : {false, true}) {
    options.each_fiber = each_fiber;
    const auto report = testing::cancel_everywhere(options, f);
    CHECK(report.points >= least);
    CHECK(report.points == report.sites.size());
    CHECK(report.runs == runs_for(report, each_fiber));
  }
}

}  // namespace motet::test
