// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Running schedulers in real time, where threads meet.

#include <motet/run.hpp>
#include <motet/timeout.hpp>

#include <utility>

namespace motet::test {

/// A scheduler in real time. What is lost between threads is an error, not a hang.
template <class F>
void run_for_real(F&& f, run_options options = {}) {
  options.signals = signal_policy::none;
  run(options, [&] { cancel_after(20s, f); });
}

}  // namespace motet::test
