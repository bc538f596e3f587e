// SPDX-License-Identifier: MIT

/// @file
/// Rows of `micro` with Boost.Fiber, for micro.py: one trial of one row.
///
/// Stacks come from a pool, and what is spun is queued, as with motet: the fastest that
/// Boost.Fiber has for each row.

#include "measure.hpp"

#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/fiber/all.hpp>

namespace {

using namespace bench;
namespace fibers = boost::fibers;

fibers::pooled_fixedsize_stack stacks;

template <class Body>
fibers::fiber spin(Body body) {
  return fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, std::move(body));
}

/// In one loop for all, as in micro_fibers.cpp.
[[gnu::noinline]] void yield_while(const bool& running, long times) {
  for (; running && times != 0; --times)
    boost::this_fiber::yield();
}

double yield_in_turn(long count, long switches) {
  bool running = true;
  std::vector<fibers::fiber> others;
  for (long i = 1; i < count; ++i)
    others.push_back(spin([&running] { yield_while(running, -1); }));
  yield_while(running, 2);
  const long rounds = switches / count;
  const double each = per_call(1, [&] { yield_while(running, rounds); }) /
                      static_cast<double>(rounds * count);
  running = false;
  for (fibers::fiber& f : others)
    f.join();
  return each;
}

double spin_one_at_a_time(long rounds) {
  const auto one = [] { spin([] {}).join(); };
  for (int i = 0; i < 1000; ++i)
    one();
  return per_call(rounds, one);
}

double spin_in_batches(long rounds) {
  constexpr long batch = 1000;
  std::vector<fibers::fiber> all;
  const auto one_batch = [&] {
    all.clear();
    for (long i = 0; i < batch; ++i)
      all.push_back(spin([] {}));
    for (fibers::fiber& f : all)
      f.join();
  };
  one_batch();
  one_batch();
  return per_call(rounds / batch, one_batch) / double{batch};
}

template <class Channel>
double there_and_back(Channel& there, Channel& back, long rounds) {
  fibers::fiber peer = spin([&] {
    for (const long n : there)
      back.push(n + 1);
  });
  const auto exchange = [&] {
    there.push(1);
    if (back.value_pop() != 2) std::terminate();
  };
  for (int i = 0; i < 1000; ++i)
    exchange();
  const double each = per_call(rounds, exchange);
  there.close();
  peer.join();
  return each;
}

double message_there_and_back(long rounds) {
  constexpr std::size_t least = 2;  // holds one
  fibers::buffered_channel<long> there(least);
  fibers::buffered_channel<long> back(least);
  return there_and_back(there, back, rounds);
}

double channel_there_and_back(long rounds) {
  fibers::unbuffered_channel<long> there;
  fibers::unbuffered_channel<long> back;
  return there_and_back(there, back, rounds);
}

double mutex_in_and_out(long rounds) {
  fibers::mutex m;
  return per_call(rounds, [&] {
    m.lock();
    keep();
    m.unlock();
  });
}

struct crowd {
  double ns_each;
  double bytes_each;
};

/// Fibers that park at once. Leaves without taking them down.
crowd park_many(long count) {
  static fibers::mutex m;
  static fibers::condition_variable never;
  static long parked = 0;
  const double before = own_status("VmRSS");
  const std::int64_t start = cpu_ns();
  for (long i = 0; i < count; ++i) {
    spin([] {
      std::unique_lock lock(m);
      ++parked;
      never.wait(lock);
    }).detach();
  }
  while (parked < count)
    boost::this_fiber::yield();
  const auto n = static_cast<double>(count);
  return {static_cast<double>(cpu_ns() - start) / n, (own_status("VmRSS") - before) / n};
}

std::map<std::string, std::function<double()>> rows(long million) {
  return {
      {"yield, 2 fibers", [=] { return yield_in_turn(2, 4 * million); }},
      {"yield, 10,000 fibers", [=] { return yield_in_turn(10'000, 4 * million); }},
      {"yield, 100,000 fibers", [=] { return yield_in_turn(100'000, 4 * million); }},
      {"spin and await, one at a time", [=] { return spin_one_at_a_time(million); }},
      {"spin and await, batches of 1,000", [=] { return spin_in_batches(million); }},
      {"message there and back", [=] { return message_there_and_back(million); }},
      {"channel without room, there and back",
       [=] { return channel_there_and_back(million); }},
      {"mutex, locked and unlocked", [=] { return mutex_in_and_out(4 * million); }},
      {"spin and first use of a new stack, 100,000",
       [] { return park_many(100'000).ns_each; }},
      {"resident per parked fiber, 100,000 of them",
       [] { return park_many(100'000).bytes_each; }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc == 3 && std::strcmp(argv[2], "--quick") == 0;
  const auto known = rows(quick ? 250'000 : 1'000'000);
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const auto& [what, measure] : known)
      std::printf("%s\n", what.c_str());
    return 0;
  }
  const auto found = known.find(argc > 1 ? argv[1] : "");
  if (found == known.end()) {
    std::fprintf(stderr, "usage: %s --list | ROW [--quick]\n", argv[0]);
    return 1;
  }
  std::printf("%.6g\n", found->second());
  std::fflush(stdout);
  std::_Exit(0);  // fibers may still be parked
}
