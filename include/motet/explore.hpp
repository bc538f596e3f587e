// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Looking for the course on which a program fails.
///
/// A program of several fibers can take many courses: any fiber that can run may be next,
/// and what has finished may be told of in any order. Tests that let it run see one. This
/// tries many, and says how to take the one again that fails.

#include <motet/detail/function_ref.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace motet::testing {

struct explore_options {
  /// How many courses to try, one per seed. The environment variable MOTET_SEED, if it is
  /// set, has just that one tried.
  std::size_t seeds = 1'000;
  std::uint64_t first_seed = 1;
  /// All courses there are, in place of seeds; at most so many of them, else
  /// `explore` throws std::length_error. 0: seeds. For programs of few points.
  std::size_t every_course_of = 0;
  /// Virtual time from which on nothing is up to chance any more.
  duration calm_after = 1min;
  /// Virtual time that the function may take from then on until it has ended.
  duration patience = 1h;
  /// File to write the failing course to, for `testing::run({.replay = file}, f)`. Empty:
  /// none.
  std::string record = {};
};

struct explore_report {
  std::size_t courses = 0;        ///< How many were tried.
  std::size_t decisions = 0;      ///< How many were taken in all of them.
  std::uint64_t fingerprint = 0;  ///< Of all that happened: the same in each exploration.
};

/// On some course something went wrong. The text says what, how to take that course
/// again, and in what it differs from the usual one.
class explore_error : public std::logic_error {
 public:
  explore_error(const std::string& text, std::uint64_t seed, std::exception_ptr error,
                std::vector<std::string> story);

  /// 0 if the course was not found by a seed.
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  /// What `f` threw; null if something else was wrong.
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  /// The decisions that are enough to make it fail, in words.
  [[nodiscard]] const std::vector<std::string>& story() const noexcept { return story_; }

 private:
  std::uint64_t seed_;
  std::exception_ptr error_;
  std::vector<std::string> story_;
};

/// As below, for `f` without its type. Blocks the thread.
explore_report explore_erased(const explore_options& options,
                              detail::function_ref<void()> f);

/// Runs `f` on many courses, each twice, in virtual time and on the simulated network.
///
/// Each run has to end, without an error, and leave nothing behind: no timer, operation,
/// open descriptor or message, and no handle to a fiber. The second run of a course has
/// to be like the first: `f` makes what it needs itself, and leaves to chance only what
/// `choose` decides. The first course that fails is then reduced to the decisions that
/// matter.
/// @throws explore_error if a run fails; structure_error inside of a fiber. Blocks the
/// thread.
template <class F>
explore_report explore(const explore_options& options, F&& f) {
  return explore_erased(options, [&] { static_cast<void>(f()); });
}
template <class F>
explore_report explore(std::size_t seeds, F&& f) {
  return explore_erased({.seeds = seeds}, [&] { static_cast<void>(f()); });
}

/// One of the numbers below `count`, which is not 0: another on each course, 0 on the
/// usual one. For what a test wants to leave to chance, so that it can be repeated. Never
/// parks.
[[nodiscard]] std::size_t choose(std::size_t count);

/// From here on nothing is up to chance: what the test has started is to come to an end.
/// Never parks.
void calm_down();

}  // namespace motet::testing
