// SPDX-License-Identifier: MIT

/// @file
/// Work for several workers: jobs go out through one channel, results come back through
/// another. The workers are threads, for what computes, or fibers, for what waits.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace motet;

// --- Threads: three count primes ------------------------------------------------------

struct result {
  int limit;
  int primes;
};

int primes_below(int limit) {
  int count = 0;
  for (int n = 2; n < limit; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n && prime; ++d)
      prime = n % d != 0;
    count += prime ? 1 : 0;
  }
  return count;
}

/// Does one job after the other until there are no more. @returns how many it did.
int work(channel<int>& jobs, channel<result>& results) {
  int done = 0;
  for (const int limit : jobs) {
    results.send({limit, primes_below(limit)});
    ++done;
  }
  return done;
}

void count_primes(const std::vector<int>& limits) {
  channel<int> jobs(2);  // what nobody has begun stays with us: few lie ready
  channel<result> results(unbounded);
  std::vector<fiber<int>> workers;
  for (int i = 0; i < 3; ++i)
    workers.push_back(spin_thread([&] { return work(jobs, results); }));

  for (const int limit : limits)
    jobs.send(limit);
  jobs.close();
  int done = 0;
  for (const int count : await_all(workers))
    done += count;
  results.close();

  std::map<int, int> table;  // they come as they are found
  for (const auto& [limit, primes] : results)
    table[limit] = primes;
  for (const auto& [limit, primes] : table)
    std::printf("%d primes below %d\n", primes, limit);
  std::printf("%d jobs were done by %zu threads\n", done, workers.size());
}

// --- Fibers: two cook, until the kitchen closes ---------------------------------------

struct order {
  std::string dish;
  duration takes;
};

/// Cooks what is ordered. A dish that was begun is served, even after the close.
void cook(const char* name, channel<order>& orders, channel<int>& closing) {
  bool open = true;
  while (open) {
    // If both are there, it is time to go home.
    select(receive_from(closing, [&](int) { open = false; }),
           receive_from(orders, [&](const order& o) {
             sleep(o.takes);
             std::printf("%s: %s\n", name, o.dish.c_str());
           }));
  }
  std::printf("%s: goes home\n", name);
}

void run_kitchen() {
  channel<order> orders(unbounded);
  channel<int> closing(2);
  with_scope([&](scope& s) {
    s.spin([&] { cook("Anna", orders, closing); });
    s.spin([&] { cook("Berta", orders, closing); });
    orders.send({"soup", 20ms});
    orders.send({"roast", 200ms});
    orders.send({"salad", 10ms});
    orders.send({"pancakes", 100ms});
    orders.send({"cake", 90ms});
    sleep(80ms);
    closing.send(1);
    closing.send(2);
  });
  std::printf("left: %zu order\n", orders.size());
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Has threads and fibers work off channels.");
  run([] {
    count_primes({100, 10'000, 20'000, 1'000, 10, 30'000});
    run_kitchen();
  });
} catch (const std::exception& error) {
  return examples::explain(error);
}
