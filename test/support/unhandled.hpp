// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Runs in virtual time that keep the errors nobody handles.

#include "test/support/failing.hpp"
#include "test/support/trace.hpp"

#include <motet/run.hpp>

#include <exception>
#include <utility>

namespace motet::test {

/// As `testing::run`; what goes to `on_unhandled` is written down as "unhandled: text".
template <class F>
void run_and_note_unhandled(trace& log, F&& f) {
  motet::run(
      {.backend = backend_kind::sim,
       .signals = signal_policy::none,
       .on_unhandled =
           [&](const std::exception_ptr& error) { log("unhandled: " + text_of(error)); }},
      std::forward<F>(f));
}

}  // namespace motet::test
