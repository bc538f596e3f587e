// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the programs that measure messages between two threads share.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <time.h>

namespace bench {

/// Where the way between two threads has an end.
constexpr long room = 1024;

/// How much to measure.
struct amounts {
  long rounds = 0;    ///< There and back, one message at a time.
  long messages = 0;  ///< One way, as fast as they go.
};

inline amounts amounts_of(const char* rounds, const char* messages) {
  const amounts all{std::atol(rounds), std::atol(messages)};
  if (all.rounds > 0 && all.messages > 0) return all;
  std::fprintf(stderr, "ROUNDS and MESSAGES want to be numbers from 1\n");
  std::exit(1);
}

/// Wall-clock nanoseconds per call of `body`: what the other thread takes counts.
template <class Body>
double wall_per_call(long calls, Body&& body) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  const std::int64_t start = now();
  for (long i = 0; i < calls; ++i)
    body();
  return static_cast<double>(now() - start) / static_cast<double>(calls);
}

/// Each message is checked, so that none was lost and none overtook another.
inline void expect(long got, long wanted) {
  if (got == wanted) return;
  std::fprintf(stderr, "received %ld in place of %ld\n", got, wanted);
  std::exit(1);
}

inline void print_result(double round_trip_ns, double one_way_ns) {
  std::printf("{\"round_trip_ns\": %.1f, \"one_way_ns\": %.1f}\n", round_trip_ns,
              one_way_ns);
}

}  // namespace bench
