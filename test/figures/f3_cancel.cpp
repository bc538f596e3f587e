// SPDX-License-Identifier: MIT

// F3: cancellation at every point of every scenario, in all the ways there are. In
// virtual time each site is hit; on the kernel's backends the course varies, and how many
// were missed is told.

#include "lib/testing/trial.hpp"
#include "test/figures/figure.hpp"
#include "test/scenarios/scenario.hpp"
#include "test/support/silence.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>

namespace motet::test {
namespace {

using testing::injection;
using testing::moment;
using testing::route;
using testing::site;
using testing::target;
using testing::trial;

/// How long a run may take before it counts as hung.
constexpr unsigned patience_in_seconds = 20;

std::size_t open_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(folder) != nullptr)
    ++count;
  ::closedir(folder);
  return count;
}

struct tally {
  std::size_t scenarios = 0;
  std::size_t sites = 0;
  std::size_t runs = 0;
  std::size_t missed = 0;
  std::vector<std::string> failures;
};

/// All runs of one scenario on one backend.
class sweep {
 public:
  sweep(const scenario& of, backend_kind on, tally& into) : of_(of), into_(into) {
    route_.kernel = on;
    options_ = {.each_fiber = of.each_fiber,
                .expected = of.expected,
                .afterwards = [this] { things_.check(); }};
  }
  sweep(const sweep&) = delete;
  sweep& operator=(const sweep&) = delete;

  /// @returns whether the first run was right, so that there are more to make.
  bool record() {
    run({}, "without cancellation");
    ++into_.scenarios;
    into_.sites += route_.sites.size();
    return into_.failures.empty();
  }

  void cancel_at_each_point(std::span<const target> whom) {
    for (std::size_t point = 1; point <= route_.sites.size(); ++point) {
      for (const moment when : testing::all_moments) {
        for (const target t : whom) {
          if (has(point, when, t)) cancel({point, when, t});
        }
      }
    }
  }

  /// At each point, and then again at each later one.
  void cancel_at_each_pair() {
    for (std::size_t point = 1; point <= route_.sites.size(); ++point) {
      for (const moment when : {moment::before, moment::during, moment::late}) {
        for (const target t : {target::all, target::fiber}) {
          if (!has(point, when, t)) continue;
          for (std::size_t again = 1; cancel({point, when, t, again}); ++again) {
          }
        }
      }
    }
  }

 private:
  [[nodiscard]] bool has(std::size_t point, moment when, target whom) const {
    const site& s = route_.sites[point - 1];
    if (!s.has(when)) return false;
    return whom == target::all || (of_.each_fiber && !s.outermost);
  }

  bool cancel(injection where) {
    const site& s = route_.sites[where.point - 1];
    return run(where, "point " + describe(where.point, s) + "; " + describe(where, s));
  }

  /// @returns whether all points were reached at which it was to be cancelled.
  bool run(injection where, const std::string& name) {
    const std::string full = std::string(of_.name) + ", " + name;
    const watchdog dog(full, patience_in_seconds);
    const std::size_t before = open_descriptors();
    const auto f = [&] {
      things_ = {};
      of_.run(things_);
    };
    std::vector<std::string> wrong;
    bool hit = true;
    {
      const silence quiet;
      trial one(options_, f, route_, where);
      wrong = one.run();
      hit = where.point == 0 || (where.again == 0 ? one.hit() : one.hit_again());
    }
    if (const std::size_t after = open_descriptors(); after != before) {
      wrong.push_back(std::to_string(after) + " descriptors instead of " +
                      std::to_string(before));
    }
    ++into_.runs;
    if (!hit && where.again == 0) ++into_.missed;
    for (const std::string& what : wrong)
      into_.failures.push_back(full + ": " + what);
    return hit;
  }

  const scenario& of_;
  tally& into_;
  held_things things_;
  testing::cancel_everywhere_options options_;
  route route_;
};

constexpr std::array everybody{target::all, target::fiber};

tally sweep_simulated(const std::vector<scenario>& all, bool pairs) {
  tally found;
  for (const scenario& s : all) {
    sweep one(s, backend_kind::sim, found);
    if (!one.record()) continue;
    one.cancel_at_each_point(everybody);
    if (pairs) one.cancel_at_each_pair();
  }
  return found;
}

/// The kernel's course varies, so more than one round is worth while if there is time.
tally sweep_real(const std::vector<scenario>& all, backend_kind on, bool thorough) {
  const duration usual = std::exchange(beat, 50us);
  tally found;
  for (const scenario& s : all) {
    if (!s.in_real_time) continue;
    sweep one(s, on, found);
    if (!one.record()) continue;
    one.cancel_at_each_point(std::span(everybody).first(thorough ? 2 : 1));
  }
  beat = usual;
  return found;
}

bool tell(const char* backend, const tally& found, const char* separator) {
  std::printf("%s%s runs on %s", separator, with_commas(found.runs).c_str(), backend);
  if (found.missed != 0) {
    std::printf(" (%zu of them took another course)", found.missed);
  }
  for (const std::string& failure : found.failures)
    std::fprintf(stderr, "%s: %s\n", backend, failure.c_str());
  return found.failures.empty();
}

int run_f3(bool thorough) {
  const stopwatch time;
  std::vector<scenario> all = library_scenarios();
  for (scenario& s : examples())
    all.push_back(std::move(s));
  const tally simulated = sweep_simulated(all, thorough);
  std::printf("F3: %zu scenarios, %s sites, 5 ways%s: ", simulated.scenarios,
              with_commas(simulated.sites).c_str(), thorough ? " and in pairs" : "");
  std::size_t failures = simulated.failures.size();
  bool good = tell("sim", simulated, "");
  for (const auto& [kind, name] : kernel_backends()) {
    const tally real = sweep_real(all, kind, thorough);
    failures += real.failures.size();
    good = tell(name, real, ", ") && good;
  }
  std::printf(": %zu failures (%.1f s)\n", failures, time.seconds());
  return good ? 0 : 1;
}

}  // namespace
}  // namespace motet::test

int main(int argc, char** argv) {
  return motet::test::run_f3(motet::test::asked_for_long(argc, argv));
}
