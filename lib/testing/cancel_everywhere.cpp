// SPDX-License-Identifier: MIT
#include "lib/testing/trial.hpp"

#include <motet/cancel_everywhere.hpp>

#include <utility>

namespace motet::testing {

namespace {

std::string join_lines(const std::vector<std::string>& failures, std::size_t runs) {
  std::string text = "cancel_everywhere: " + std::to_string(failures.size()) + " of " +
                     std::to_string(runs) + " runs failed";
  for (const std::string& failure : failures)
    text += "\n  " + failure;
  return text;
}

/// The runs there are to make, and what went wrong in them.
class series {
 public:
  series(const cancel_everywhere_options& options, motet::detail::function_ref<void()> f)
      : options_(options), f_(f) {}

  cancel_everywhere_report run() {
    attempt({}, "the run without cancellation");
    if (failures_.empty()) {
      for (std::size_t point = 1; point <= route_.sites.size(); ++point)
        cancel_at(point);
    }
    if (!failures_.empty()) throw cancel_everywhere_error(std::move(failures_), runs_);
    cancel_everywhere_report report{route_.sites.size(), runs_, {}};
    for (std::size_t i = 0; i < route_.sites.size(); ++i)
      report.sites.push_back(describe(i + 1, route_.sites[i]));
    return report;
  }

 private:
  void cancel_at(std::size_t point) {
    const site& s = route_.sites[point - 1];
    for (const moment when : all_moments) {
      if (!s.has(when)) continue;
      for (const target whom : {target::all, target::fiber}) {
        if (whom == target::fiber && (!options_.each_fiber || s.outermost)) continue;
        const injection where{point, when, whom};
        attempt(where, "point " + describe(point, s) + "; " + describe(where, s));
      }
    }
  }

  void attempt(injection where, const std::string& name) {
    ++runs_;
    for (const std::string& wrong : trial(options_, f_, route_, where).run())
      failures_.push_back(std::string(name).append(": ").append(wrong));
  }

  const cancel_everywhere_options& options_;
  motet::detail::function_ref<void()> f_;
  route route_;
  std::size_t runs_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace

cancel_everywhere_error::cancel_everywhere_error(std::vector<std::string> failures,
                                                 std::size_t runs)
    : std::logic_error(join_lines(failures, runs)), failures_(std::move(failures)) {}

cancel_everywhere_report cancel_everywhere_erased(
    const cancel_everywhere_options& options, motet::detail::function_ref<void()> f) {
  return series(options, f).run();
}

}  // namespace motet::testing
