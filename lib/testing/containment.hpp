// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Runs a function to its end, whatever it does.
///
/// A test of many runs must survive each: errors that nobody handles are heard of, waits
/// that nothing can end are failed, and in the end everything is counted.

#include "lib/testing/conserved.hpp"

#include <motet/detail/function_ref.hpp>
#include <motet/fiber.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace motet::testing {

/// One run. Lives in the main fiber of a simulated run.
class containment {
 public:
  /// Told of errors, and of how they came to light.
  using listener = std::function<void(const std::exception_ptr& error, const char* how)>;

  explicit containment(listener hear) : hear_(std::move(hear)) {}
  containment(const containment&) = delete;
  containment& operator=(const containment&) = delete;
  ~containment() = default;

  /// Runs `f` in a fiber of its own until that has ended.
  void run(motet::detail::function_ref<void()> f);
  /// Then ends what it left running, and counts.
  void settle_up();

  /// The run does not end by itself, because of `why`: ends it by force. Callable where
  /// fibers are not, too: between turns.
  void give_up(const std::string& why);

  /// The fiber that `f` runs in.
  [[nodiscard]] const fiber_ref& body() const noexcept { return body_; }
  /// Whether force was needed: what is heard of after that is our own doing.
  [[nodiscard]] bool forced() const noexcept { return rescues_ != 0; }
  /// What was wrong, other than the errors heard of.
  [[nodiscard]] std::vector<std::string>& wrong() noexcept { return wrong_; }

 private:
  void outlast(const fiber_ref& fiber);
  void fail_all_waits();

  listener hear_;
  fiber_ref body_;
  counts before_{};
  std::size_t rescues_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace motet::testing
