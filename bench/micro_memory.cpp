// SPDX-License-Identifier: MIT

/// @file
/// What a parked fiber takes, and what making one costs when its stack is new.

#include "limits.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace bench {

namespace {

using namespace motet;

// What motet gives a fiber unless told otherwise, and the guard below it.
constexpr std::size_t stack_size = std::size_t{256} * 1024;
constexpr std::size_t guard_size = std::size_t{64} * 1024;

/// Starts `fibers` that park at once and waits until all have. ns per fiber.
double park_many(long fibers) {
  long parked = 0;
  const std::int64_t start = cpu_ns();
  for (long i = 0; i < fibers; ++i) {
    spin([&parked] {
      ++parked;
      suspend();
    });
  }
  yield();
  const std::int64_t spent = cpu_ns() - start;
  if (parked != fibers) std::terminate();
  return static_cast<double>(spent) / static_cast<double>(fibers);
}

/// Bytes per parked fiber, resident and in page tables. Leaves without taking them down.
[[noreturn]] void weigh_parked_fibers(long fibers) {
  run({.signals = signal_policy::none}, [&] {
    const double resident = own_status("VmRSS");
    const double tables = own_status("VmPTE");
    park_many(fibers);
    const auto n = static_cast<double>(fibers);
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    finish_trial({{(own_status("VmRSS") - resident) / n, page},
                  {(own_status("VmPTE") - tables) / n, none}});
  });
  std::terminate();
}

[[noreturn]] void time_first_use(long fibers) {
  const double limit =
      bare_stacks(static_cast<std::size_t>(fibers), stack_size, guard_size);
  run({.signals = signal_policy::none}, [&] {
    const double each = park_many(fibers);
    finish_trial({{each, limit}, {each / limit, none}});
  });
  std::terminate();
}

benchmark weight_benchmark(long fibers, const std::string& what) {
  return {{{"resident per parked fiber, " + what, "bytes", 4300, "one page"},
           {"page tables on top, " + what, "bytes", none, ""}},
          [=]() -> std::vector<finding> { weigh_parked_fibers(fibers); }};
}

}  // namespace

std::vector<benchmark> memory_benchmarks(const measure_options& options) {
  std::vector<benchmark> all;
  all.push_back(weight_benchmark(100'000, "100,000 of them"));
  if (options.million) all.push_back(weight_benchmark(1'000'000, "1,000,000 of them"));
  all.push_back({{{"spin and first use of a new stack, 100,000", "ns", none,
                   "the same system calls in a bare loop"},
                  {"the same, to the bare loop", "times", 1.15, ""}},
                 []() -> std::vector<finding> { time_first_use(100'000); }});
  return all;
}

}  // namespace bench
