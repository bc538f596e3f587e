// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Bodies for the fibers of scenarios.

#include "test/scenarios/scenario.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>

#include <exception>
#include <string>

namespace motet::test {

/// A body that has something in hand while it works, and takes its time to give it back.
inline auto holds_for(held_things& things, duration span) {
  return [&things, span] {
    ++things.taken;
    const finally back([&] {
      sleep(2 * beat);
      ++things.given_back;
    });
    sleep(span);
    checkpoint();
    return span;
  };
}

/// As above, and then fails.
inline auto fails_holding(held_things& things, duration span) {
  return [work = holds_for(things, span)]() -> duration {
    work();
    throw trouble("as always");
  };
}

/// What fails as it does otherwise, yet when it was asked to stop, is heard: nobody
/// passes over it or runs it again then.
inline bool is_trouble(const std::exception_ptr& error) {
  const std::string text = describe(error);
  return text == "as always" || text == "crashed";
}

}  // namespace motet::test
