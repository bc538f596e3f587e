// SPDX-License-Identifier: MIT

/// @file
/// Timeouts entered, left and reset, and what a look at the clock costs.

#include "limits.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <vector>

namespace bench {

namespace {

using namespace motet;

/// ns per timeout block, while `sleepers` other deadlines are waiting.
double timeout_in_and_out(int sleepers, long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    for (int i = 0; i < sleepers; ++i)
      spin([] { sleep(1h); });
    yield();
    each = per_call(rounds, [] { move_on_after(1min, [] { keep(); }); });
  });
  return each;
}

double timeout_reset(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    move_on_after(1min, [&](timeout& idle) {
      each = per_call(rounds, [&] {
        idle.reset();
        keep();
      });
    });
  });
  return each;
}

double clock_read(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    each = per_call(rounds, [] {
      (void)motet::clock::now();
      keep();
    });
  });
  return each;
}

benchmark timeout_benchmark(int sleepers, std::string what, double target, long rounds) {
  return {{{std::move(what), "ns", target, "4-ary heap, in and out"}}, [=] {
            const double limit =
                bare_heap_entry(static_cast<std::size_t>(sleepers), rounds);
            return std::vector<finding>{{timeout_in_and_out(sleepers, rounds), limit}};
          }};
}

}  // namespace

std::vector<benchmark> timeout_benchmarks(const measure_options& options) {
  const long rounds = options.quick ? 1'000'000 : 5'000'000;
  std::vector<benchmark> all;
  all.push_back(timeout_benchmark(0, "timeout block, entered and left", 20, rounds));
  all.push_back(timeout_benchmark(
      10'000, "timeout block, entered and left, beside 10,000 sleepers", none, rounds));
  all.push_back({{{"timeout reset", "ns", 15, "cycle counter and one store"}}, [=] {
                   const double limit = bare_counter_and_store(rounds);
                   return std::vector<finding>{{timeout_reset(rounds), limit}};
                 }});
  all.push_back({{{"a look at the clock", "ns", none, "clock_gettime"}}, [=] {
                   const double limit = bare_clock_read(rounds);
                   return std::vector<finding>{{clock_read(rounds), limit}};
                 }});
  return all;
}

}  // namespace bench
