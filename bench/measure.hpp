// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Measuring inside one thread: rows, and trials in processes of their own.
///
/// A benchmark has a trial, which runs once per repeat. micro.py starts a process for
/// each: it has a clean heap and fresh stacks, cannot disturb the next, and a crash or a
/// hang costs one row. What is measured and its hand-written limit share the process.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace bench {

/// Where there is no limit, or none on this machine.
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// What one trial found for one row.
struct finding {
  double value = none;
  double limit = none;
};

struct row {
  std::string what;
  std::string unit;
  double target = none;  ///< No more than this.
  std::string limit;     ///< What the limit is; empty if there is none.
};

struct benchmark {
  std::vector<row> rows;
  /// Returns a finding per row, or leaves by `finish_trial`.
  std::function<std::vector<finding>()> trial;
};

struct measure_options {
  bool quick = false;
  bool million = false;
};

/// CPU time of this thread in nanoseconds: what others do to the core meanwhile does not
/// count. A system call of some hundred nanoseconds, so only around long windows.
std::int64_t cpu_ns();

/// Prints the findings and ends the process here and now, without running down what it
/// has built.
[[noreturn]] void finish_trial(const std::vector<finding>& findings);

/// A field of /proc/self/status in bytes.
double own_status(const char* field);

/// All rows of all benchmarks, a line of JSON each.
void print_rows(const std::vector<benchmark>& all);

/// Nanoseconds of CPU time per call of `body`.
template <class Body>
double per_call(long calls, Body&& body) {
  const std::int64_t start = cpu_ns();
  for (long i = 0; i < calls; ++i)
    body();
  return static_cast<double>(cpu_ns() - start) / static_cast<double>(calls);
}

/// Keeps the compiler from removing or merging what comes before.
inline void keep() {
  asm volatile("" ::: "memory");
}

// The benchmarks, by file.
std::vector<benchmark> fiber_benchmarks(const measure_options& options);
std::vector<benchmark> timeout_benchmarks(const measure_options& options);
std::vector<benchmark> sync_benchmarks(const measure_options& options);
std::vector<benchmark> stop_benchmarks(const measure_options& options);
std::vector<benchmark> memory_benchmarks(const measure_options& options);

}  // namespace bench
