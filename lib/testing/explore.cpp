// SPDX-License-Identifier: MIT
#include "backend/course.hpp"
#include "backend/sim/sim_backend.hpp"
#include "lib/fiber/run_on.hpp"
#include "lib/testing/between_turns.hpp"
#include "lib/testing/containment.hpp"
#include "lib/testing/course_file.hpp"

#include <motet/error.hpp>
#include <motet/testing.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace motet::testing {

namespace {

using motet::detail::fiber_state;
using motet::detail::scheduler;
using motet::detail::this_scheduler;

/// How a run went.
struct verdict {
  std::vector<std::string> wrong;
  std::exception_ptr error;  ///< The first.
  std::uint64_t fingerprint = 0;

  [[nodiscard]] bool good() const noexcept { return wrong.empty(); }
};

/// One run of `f` on one course.
class course_run {
 public:
  course_run(const explore_options& options, motet::detail::function_ref<void()> f,
             course& how)
      : options_(options), f_(f), how_(how) {}
  course_run(const course_run&) = delete;
  course_run& operator=(const course_run&) = delete;
  ~course_run() = default;

  verdict run() {
    motet::detail::run_on(
        make_sim_backend(&how_), &how_,
        {.backend = backend_kind::sim,
         .signals = signal_policy::none,
         .on_unhandled =
             [this](const std::exception_ptr& error) {
               hear_of(error, "nobody handled an error: ");
             }},
        [this] { run_in_main(); }, false);
    for (std::string& wrong : contained_.wrong())
      result_.wrong.push_back(std::move(wrong));
    result_.fingerprint = how_.fingerprint();
    return std::move(result_);
  }

 private:
  void run_in_main() {
    scheduler& s = *this_scheduler;
    start_ = s.kernel().now();
    s.on_point = {
        .reached = [](void* self,
                      fiber_state&) noexcept { static_cast<course_run*>(self)->reach(); },
        .listener = this};
    s.main().attention = true;  // or fibers would not begin with theirs on
    contained_.run(f_);
    contained_.settle_up();
    s.on_point = {};
  }

  void reach() noexcept {
    scheduler& s = *this_scheduler;
    ++points_;
    const duration passed = s.kernel().now() - start_;
    if (!how_.calm() && (passed >= options_.calm_after || points_ >= most_points)) {
      how_.calm_down();
    }
    if (!how_.calm()) return;
    if (calm_since_ == 0) {
      calm_since_ = points_;
      calm_at_ = passed;
    }
    const bool overdue = passed - calm_at_ > options_.patience;
    if (!overdue && points_ - calm_since_ < most_points) return;
    force_.soon();
  }

  void end_by_force() noexcept {
    contained_.give_up("for " + std::to_string(points_ - calm_since_) +
                       " points nothing was left to chance any more, and it still runs");
  }

  void hear_of(const std::exception_ptr& error, const char* how) {
    if (contained_.forced()) return;  // our own doing
    if (!result_.error) result_.error = error;
    result_.wrong.push_back(how + motet::describe(error));
  }

  static constexpr std::size_t most_points = 100'000;

  const explore_options& options_;
  motet::detail::function_ref<void()> f_;
  course& how_;
  between_turns force_{[this] { end_by_force(); }};
  containment contained_{
      [this](const std::exception_ptr& error, const char* how) { hear_of(error, how); }};
  verdict result_;
  time_point start_{};
  std::size_t points_ = 0;
  std::size_t calm_since_ = 0;  ///< Points; 0: it is not calm yet.
  duration calm_at_{};
};

std::optional<std::uint64_t> seed_from_environment() {
  // Unsafe only beside a thread that changes the environment.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const text = std::getenv("MOTET_SEED");
  if (text == nullptr || *text == '\0') return std::nullopt;
  std::uint64_t seed = 0;
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, seed);
  if (error != std::errc() || stopped != end || seed == 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "MOTET_SEED is '" + std::string(text) +
                                "', and a seed is a number from 1 to 2^64 - 1");
  }
  return seed;
}

/// Of all courses the next one, in the order of a depth-first search: the last decision
/// that has a way left takes it. False if there is none.
bool go_to_next(std::vector<choice>& record) {
  while (!record.empty() && record.back().taken + 1 == record.back().count)
    record.pop_back();
  if (record.empty()) return false;
  ++record.back().taken;
  return true;
}

class exploration {
 public:
  exploration(const explore_options& options, motet::detail::function_ref<void()> f)
      : options_(options), f_(f) {}

  explore_report run() {
    if (options_.every_course_of != 0) {
      try_every_course();
    } else if (const auto seed = seed_from_environment()) {
      try_seed(*seed);
    } else {
      for (std::size_t i = 0; i < options_.seeds; ++i)
        try_seed(options_.first_seed + i);
    }
    return report_;
  }

 private:
  void try_seed(std::uint64_t seed) {
    course how(seed);
    try_course(how, seed);
    course again(seed);
    const verdict second = course_run(options_, f_, again).run();
    if (again.fingerprint() != how.fingerprint()) tell_apart(how, again, seed);
    if (!second.good()) fail(again.record(), seed, second);
  }

  [[noreturn]] static void tell_apart(const course& one, const course& other,
                                      std::uint64_t seed) {
    const auto& a = one.record();
    const auto& b = other.record();
    const auto parted = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    throw explore_error(
        "explore: seed " + std::to_string(seed) +
            " took two courses, which part after decision " +
            std::to_string(parted.first - a.begin()) +
            ": the function depends on something that is not the same twice, as "
            "addresses, the real time, or what an earlier run left; what is to be random "
            "has to come from testing::choose",
        seed, nullptr, {});
  }

  void try_every_course() {
    std::vector<choice> record;
    do {
      if (report_.courses == options_.every_course_of) {
        throw std::length_error("explore: there are more than " +
                                std::to_string(options_.every_course_of) + " courses");
      }
      course how(std::move(record));
      try_course(how, 0);
      record = how.record();
    } while (go_to_next(record));
  }

  void try_course(course& how, std::uint64_t seed) {
    verdict result = course_run(options_, f_, how).run();
    ++report_.courses;
    report_.decisions += how.record().size();
    report_.fingerprint = report_.fingerprint * 31 + result.fingerprint;
    if (!result.good()) fail(how.record(), seed, result);
  }

  [[noreturn]] void fail(const std::vector<choice>& record, std::uint64_t seed,
                         const verdict& first) {
    const std::vector<choice> least = reduce(record);
    course how(least);
    how.begin_story();
    static_cast<void>(course_run(options_, f_, how).run());
    if (!options_.record.empty()) write_course(options_.record, least);
    std::string text = "explore: " + tried(seed) + " failed";
    for (const std::string& wrong : first.wrong)
      text += "\n  " + wrong;
    text += "\n  to see it again: " + replay(seed);
    text += how.story().empty()
                ? "\n  it fails on the usual course, too"
                : "\n  what is enough to make it fail, beside the usual course:";
    for (const std::string& line : how.story())
      text += "\n    " + line;
    throw explore_error(text, seed, first.error, how.story());
  }

  [[nodiscard]] std::string tried(std::uint64_t seed) const {
    const std::string number = std::to_string(report_.courses);
    if (seed == 0) return "course " + number;
    return "seed " + std::to_string(seed) + ", the " + number + ". course,";
  }

  [[nodiscard]] std::string replay(std::uint64_t seed) const {
    if (!options_.record.empty()) {
      return "testing::run({.replay = \"" + options_.record + "\"}, f)";
    }
    if (seed == 0) return "explore again, with a .record file";
    const std::string number = std::to_string(seed);
    return "MOTET_SEED=" + number + ", or testing::run({.seed = " + number + "}, f)";
  }

  /// Makes ever smaller stretches of it usual, and single decisions until that helps no
  /// more, as long as it fails all the same.
  [[nodiscard]] std::vector<choice> reduce(std::vector<choice> record) {
    std::size_t runs_left = 1'000;
    record = trimmed(std::move(record));
    for (std::size_t size = record.size(); size != 0;) {
      const bool changed = make_usual(record, size, runs_left);
      if (size != 1) {
        size /= 2;
      } else if (!changed) {
        size = 0;
      }
    }
    return record;
  }

  /// @returns whether any stretch of this size could be made usual.
  bool make_usual(std::vector<choice>& record, std::size_t size, std::size_t& runs_left) {
    bool changed = false;
    for (std::size_t at = 0; at < record.size() && runs_left != 0; at += size) {
      std::vector<choice> less = record;
      bool unusual = false;
      for (std::size_t i = at; i < std::min(at + size, less.size()); ++i)
        unusual = std::exchange(less[i].taken, 0) != 0 || unusual;
      if (!unusual) continue;
      --runs_left;
      course how(less);
      if (course_run(options_, f_, how).run().good()) continue;
      record = trimmed(std::move(less));
      changed = true;
    }
    return changed;
  }

  const explore_options& options_;
  motet::detail::function_ref<void()> f_;
  explore_report report_;
};

}  // namespace

explore_error::explore_error(const std::string& text, std::uint64_t seed,
                             std::exception_ptr error, std::vector<std::string> story)
    : std::logic_error(text),
      seed_(seed),
      error_(std::move(error)),
      story_(std::move(story)) {}

explore_report explore_erased(const explore_options& options,
                              motet::detail::function_ref<void()> f) {
  motet::detail::refuse_inside_of_fibers();
  return exploration(options, f).run();
}

std::size_t choose(std::size_t count) {
  course* const how = motet::detail::here("choose").chance();
  return how == nullptr ? 0 : how->decide(decision::value, count);
}

void calm_down() {
  if (course* const how = motet::detail::here("calm_down").chance()) how->calm_down();
}

}  // namespace motet::testing
