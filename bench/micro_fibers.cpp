// SPDX-License-Identifier: MIT

/// @file
/// Yield, spin and await, messages, shields.

#include "limits.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <string>
#include <utility>
#include <vector>

namespace bench {

namespace {

using namespace motet;

/// All fibers in one loop, as connections are: with a loop for each, it depends on where
/// they lie in memory whether the processor foresees where a switch returns to.
[[gnu::noinline]] void yield_while(const bool& running, long times) {
  for (; running && times != 0; --times)
    yield();
}

/// ns per switch: `fibers` of them, the main fiber among them, yield in turn.
double yield_in_turn(long fibers, long switches) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    bool running = true;
    for (long i = 1; i < fibers; ++i)
      spin([&running] { yield_while(running, -1); });
    // Each of the main fiber's yields is one switch of every fiber.
    yield_while(running, 2);
    const long rounds = switches / fibers;
    each = per_call(1, [&] { yield_while(running, rounds); }) /
           static_cast<double>(rounds * fibers);
    running = false;
  });
  return each;
}

benchmark yield_benchmark(long fibers, std::string what, double target, long switches) {
  return {{{"yield, " + std::move(what), "ns", target, "bare switch"}}, [=] {
            const double limit = bare_switch(static_cast<std::size_t>(fibers), switches);
            return std::vector<finding>{{yield_in_turn(fibers, switches), limit}};
          }};
}

double spin_one_at_a_time(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    for (int i = 0; i < 1000; ++i)
      spin([] {}).await();
    each = per_call(rounds, [] { spin([] {}).await(); });
  });
  return each;
}

double spin_in_batches(long rounds) {
  constexpr std::size_t batch = 1000;
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    std::vector<fiber<>> fibers;
    fibers.reserve(batch);
    const auto one_batch = [&] {
      fibers.clear();
      for (std::size_t i = 0; i < batch; ++i)
        fibers.push_back(spin([] {}));
      for (const auto& f : fibers)
        f.await();
    };
    one_batch();
    one_batch();
    each = per_call(rounds / long{batch}, one_batch) / double{batch};
  });
  return each;
}

/// ns from sending a number to having the answer.
double message_there_and_back(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    const fiber_ref home = this_fiber::self();
    const auto peer = spin([home] {
      for (;;)
        home << receive<long>() + 1;
    });
    const auto exchange = [&] {
      peer << 1L;
      if (receive<long>() != 2) std::terminate();
    };
    for (int i = 0; i < 1000; ++i)
      exchange();
    each = per_call(rounds, exchange);
    peer.interrupt("measured");
  });
  return each;
}

double shield_in_and_out(long rounds) {
  double each = none;
  run({.signals = signal_policy::none},
      [&] { each = per_call(rounds, [] { shield([] { keep(); }); }); });
  return each;
}

}  // namespace

std::vector<benchmark> fiber_benchmarks(const measure_options& options) {
  const long million = options.quick ? 250'000 : 1'000'000;
  std::vector<benchmark> all;
  all.push_back(yield_benchmark(2, "2 fibers", 8, 8 * million));
  all.push_back(yield_benchmark(10'000, "10,000 fibers", 25, 4 * million));
  all.push_back(yield_benchmark(100'000, "100,000 fibers", 40, 4 * million));
  all.push_back(
      {{{"spin and await, one at a time", "ns", 40, "bare context made and run"}}, [=] {
         const double limit = bare_context_run(million);
         return std::vector<finding>{{spin_one_at_a_time(million), limit}};
       }});
  all.push_back({{{"spin and await, batches of 1,000", "ns", 50, ""}}, [=] {
                   return std::vector<finding>{{spin_in_batches(2 * million), none}};
                 }});
  all.push_back({{{"message there and back", "ns", 60, "two bare switches"}}, [=] {
                   const double limit = 2 * bare_switch(2, 4 * million);
                   return std::vector<finding>{{message_there_and_back(million), limit}};
                 }});
  all.push_back({{{"shield, entered and left", "ns", 3, ""}}, [=] {
                   return std::vector<finding>{{shield_in_and_out(20 * million), none}};
                 }});
  return all;
}

}  // namespace bench
