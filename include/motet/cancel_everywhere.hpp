// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Whether a program survives being stopped, wherever it is.
///
/// Cancellation comes at points, and a program reaches few of them when a test stops it.
/// This stops it at each, in a few runs per point, and looks for what is left behind.

#include <motet/detail/callback.hpp>
#include <motet/detail/function_ref.hpp>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace motet::testing {

struct cancel_everywhere_options {
  /// Also stops only the fiber that is at the point. What awaits it then gets a
  /// `fiber_stopped`, which counts as a good end.
  bool each_fiber = false;
  /// Says of an error that the run without cancellation does not throw whether a
  /// cancelled one may: a peer that was stopped, say, breaks connections.
  detail::callback<bool(const std::exception_ptr&)> expected = {};
  /// Called after each run, outside of fibers; what it throws is a failure of the point.
  /// For what only you can count: money, jobs taken and not done.
  detail::callback<void()> afterwards = {};
};

struct cancel_everywhere_report {
  std::size_t points = 0;  ///< Reached in the run without cancellation.
  std::size_t runs = 0;    ///< That one included.
  /// What each point is, in the order in which they are reached.
  std::vector<std::string> sites;
};

/// Some run left something behind, did not end, or ended in an error of its own. Its text
/// has a line for each: which point, how it was cancelled, and what is wrong.
class cancel_everywhere_error : public std::logic_error {
 public:
  explicit cancel_everywhere_error(std::vector<std::string> failures, std::size_t runs);

  [[nodiscard]] const std::vector<std::string>& failures() const noexcept {
    return failures_;
  }

 private:
  std::vector<std::string> failures_;
};

/// As below, for `f` without its type. Blocks the thread.
cancel_everywhere_report cancel_everywhere_erased(
    const cancel_everywhere_options& options, detail::function_ref<void()> f);

/// Runs `f` in a fiber, in virtual time and on the simulated network; then again for each
/// cancellation point that it or a fiber below it reaches, and stops `f` there: before
/// the point's operation has started, and, if it waits, while it does; when the operation
/// is over, but the fiber has not run since; while it waits, in the same moment as a
/// deadline around all of `f` comes; and twice, the second time while it cleans up.
///
/// Each run has to end: with the value of `f`, stopped, or with an error that the run
/// without cancellation ends with too. Nothing may be left: no timer, operation, open
/// descriptor or message, and no handle to a fiber.
///
/// `f` is called many times and has to do the same each time: it makes what it needs
/// itself. A run of n points makes for up to 5 n + 1 runs.
/// @throws cancel_everywhere_error if some run fails; structure_error inside of a fiber.
/// Blocks the thread.
template <class F>
cancel_everywhere_report cancel_everywhere(const cancel_everywhere_options& options,
                                           F&& f) {
  return cancel_everywhere_erased(options, [&] { static_cast<void>(f()); });
}
template <class F>
cancel_everywhere_report cancel_everywhere(F&& f) {
  return cancel_everywhere(cancel_everywhere_options{}, std::forward<F>(f));
}

}  // namespace motet::testing
