// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Scenarios that are cancelled everywhere.

#include "test/scenarios/scenario.hpp"
#include "test/support/silence.hpp"

#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>

namespace motet::test {

/// How many runs it takes to cancel at each of these points, in all the ways there are;
/// all of the scenario, and, if asked for, only the fiber that is there.
inline std::size_t runs_for(const testing::cancel_everywhere_report& report,
                            bool each_fiber) {
  const auto has = [](const std::string& site, const char* text) {
    return site.find(text) != std::string::npos;
  };
  const std::string at_once = "\": waits for its turn";
  std::size_t runs = 1;
  for (const std::string& site : report.sites) {
    std::size_t ways = 5;
    if (site.ends_with(at_once)) ways = 4;         // cannot be over and not have run
    if (has(site, "\": need not wait")) ways = 2;  // before it, once or twice
    runs += ways * (each_fiber && !has(site, "in fiber \"f\"") ? 2U : 1U);
  }
  return runs;
}

/// Stops the scenario at all of its points, and then only the fibers that are there;
/// nothing may come of it but a good end.
inline void survives_everywhere(const scenario& s) {
  INFO(std::string(s.name));
  held_things things;
  testing::cancel_everywhere_options options{.expected = s.expected,
                                             .afterwards = [&] { things.check(); }};
  for (const bool each_fiber : {false, true}) {
    if (each_fiber && !s.each_fiber) continue;
    options.each_fiber = each_fiber;
    std::optional<silence> quiet(std::in_place);
    const auto report = testing::cancel_everywhere(options, [&] {
      things = {};
      s.run(things);
    });
    quiet.reset();
    CHECK(report.points >= s.least);
    CHECK(report.points == report.sites.size());
    CHECK(report.runs == runs_for(report, each_fiber));
  }
}

}  // namespace motet::test
