// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The course that a simulated run takes, wherever it could take more than one.
///
/// Which fiber runs next, which completion comes first, whether the network fails: all
/// that a real system leaves to chance is asked here. The answers come from a seed, or
/// from a record of an earlier run; with neither, each is 0: the usual course. What
/// happens is noted, so that two runs can be told apart.

#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace motet {

/// What is decided.
enum class decision : std::uint8_t {
  fiber,       ///< Which of those that can run does.
  completion,  ///< Which of the finished operations is told of first.
  fault,       ///< What goes wrong, if anything.
  value,       ///< Something of the test's own.
};

/// One decision, and how it was taken.
struct choice {
  decision what;
  std::uint32_t count;
  std::uint32_t taken;

  bool operator==(const choice&) const = default;
};

/// Same thread only.
class course {
 public:
  /// The usual course.
  course() = default;
  /// One of 2^64 courses; 0 is the usual one.
  explicit course(std::uint64_t seed) noexcept;
  /// The recorded course as far as it goes, and the usual one from there.
  explicit course(std::vector<choice> record) noexcept;

  /// Which of `count` ways to go; 0 is the usual one.
  [[nodiscard]] std::size_t decide(decision what, std::size_t count);

  /// Notes what happened, as numbers that are the same in every run of this course: no
  /// addresses.
  void note(std::uint64_t what) noexcept { print_ = mix(print_ ^ what); }

  /// Stops all chance: from here on the usual course is taken.
  void calm_down() noexcept { calm_ = true; }
  [[nodiscard]] bool calm() const noexcept { return calm_; }

  /// What was decided so far.
  [[nodiscard]] const std::vector<choice>& record() const noexcept { return record_; }
  /// A number for all that happened so far; equal courses have equal ones.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return print_; }
  /// From here on, unusual decisions are told in words.
  void begin_story() noexcept { telling_ = true; }
  /// Whether `tell` is worth the effort after a decision for `taken`.
  [[nodiscard]] bool wants_to_hear(std::size_t taken) const noexcept {
    return telling_ && taken != 0;
  }
  void tell(std::string line) { story_.push_back(std::move(line)); }
  [[nodiscard]] const std::vector<std::string>& story() const noexcept { return story_; }

 private:
  static std::uint64_t mix(std::uint64_t x) noexcept;
  std::uint32_t choose(std::uint32_t count) noexcept;

  std::vector<choice> given_;
  std::vector<choice> record_;
  std::uint64_t random_ = 0;
  std::uint64_t print_ = 0;
  bool seeded_ = false;
  bool calm_ = false;
  bool telling_ = false;
  std::vector<std::string> story_;
};

/// For stories: "0.250 s".
[[nodiscard]] std::string moment_of(time_point when);

}  // namespace motet
