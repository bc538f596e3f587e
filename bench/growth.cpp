// SPDX-License-Identifier: MIT

/// @file
/// What one of many costs: fibers, timers, parked waits for descriptors. One trial, for
/// growth.py; prints ns (or bytes) for each row.

#include "descriptors.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace bench;
using namespace motet;

constexpr long least_calls = 200'000;  // so that a clock read is lost among them
const run_options quiet{.signals = signal_policy::none};

void report(const char* row, double each) {
  std::printf("%s: %.6g\n", row, each);
  std::fflush(stdout);
}

/// ns for each of `count`.
template <class Body>
double each_of(long count, Body&& body) {
  return per_call(1, body) / static_cast<double>(count);
}

long rounds_for(long count) {
  return std::max(least_calls / count, 1L);
}

void grow_fibers(long count) {
  run(quiet, [count] {
    // What only the first pays: the first stacks are mapped, the first stop unwinds.
    spin([] { suspend(); });
    spin([] { suspend(); }).interrupt();
    const auto warm = spin([] { suspend(); });
    yield();
    warm.interrupt();
    std::vector<fiber<>> all;
    all.reserve(static_cast<std::size_t>(count));
    const double before = own_status("VmRSS") + own_status("VmPTE");
    report("spin and first use of a new stack", each_of(count, [&] {
             for (long i = 0; i < count; ++i)
               all.push_back(spin([] { suspend(); }));
             yield();
           }));
    const double grown = own_status("VmRSS") + own_status("VmPTE") - before;
    report("memory", grown / static_cast<double>(count));
    report("stop of a parked fiber", each_of(count, [&] {
             for (const auto& f : all)
               f.stop();
             for (const auto& f : all)
               (void)f.wait();
           }));
    const auto batch = [&] {
      all.clear();
      for (long i = 0; i < count; ++i)
        all.push_back(spin([] {}));
      for (const auto& f : all)
        f.await();
    };
    batch();
    report("spin and await, in batches",
           per_call(rounds_for(count), batch) / static_cast<double>(count));
    bool running = true;
    for (long i = 1; i < count; ++i) {
      spin([&running] {
        while (running)
          yield();
      });
    }
    yield();
    yield();
    report("yield",
           per_call(rounds_for(count) + 1, [] { yield(); }) / static_cast<double>(count));
    running = false;
  });
}

void grow_timers(long count) {
  run(quiet, [count] {
    std::vector<timeout*> armed;
    armed.reserve(static_cast<std::size_t>(count));
    for (long i = 0; i < count; ++i) {
      spin([&armed] {
        move_on_after(1h, [&armed](timeout& t) {
          armed.push_back(&t);
          suspend();
        });
      });
    }
    yield();
    report("timeout block, entered and left beside the others",
           per_call(least_calls, [] { move_on_after(1min, [] { keep(); }); }));
    std::shuffle(armed.begin(), armed.end(), std::mt19937(1));
    const long rounds = rounds_for(count);
    report("reset of one of them, in random order", per_call(rounds, [&] {
                                                      for (timeout* t : armed)
                                                        t->reset();
                                                    }) / static_cast<double>(count));
  });
}

/// In virtual time, that nothing but expiring takes any.
void expire_timers(long count) {
  run({.backend = backend_kind::sim, .signals = signal_policy::none}, [count] {
    std::vector<long> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 1L);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    const time_point start = motet::clock::now() + 1h;
    for (const long place : order) {
      const time_point due = start + std::chrono::microseconds(place);
      spin([due] {
        for (time_point next = due;; next += 1h)
          sleep_until(next);
      });
    }
    yield();
    const long rounds = rounds_for(count);
    report("expiry of a timer, and its fiber runs", each_of(count * rounds, [&] {
             sleep_until(start + (rounds - 1) * 1h + 30min);
           }));
  });
}

struct counter {
  int fd;
  std::uint64_t sharers = 0;
};

std::vector<counter> make_counters(long count) {
  raise_descriptor_limit();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const long most = static_cast<long>(limit.rlim_cur) - 100;
  std::vector<counter> all;
  for (long i = 0; i < std::min(count, most); ++i) {
    const int fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    all.push_back({fd});
  }
  return all;
}

/// Another sharer may be faster: then there is nothing left, and it waits again.
void read_one(int fd) {
  std::uint64_t one = 0;
  do
    wait_readable(fd);
  while (read(fd, &one, sizeof one) < 0 && errno == EAGAIN);
  if (one != 1) std::terminate();
}

void grow_waits(long count) {
  std::vector<counter> counters = make_counters(count);
  run({.backend = backend_kind::uring, .signals = signal_policy::none}, [&] {
    long served = 0;
    for (long i = 0; i < count; ++i) {
      counter& mine = counters[static_cast<std::size_t>(i) % counters.size()];
      ++mine.sharers;
      spin([fd = mine.fd, &served] {
        for (;; ++served)
          read_one(fd);
      });
    }
    yield();
    const auto serve_all = [&] {
      served = 0;
      for (const counter& c : counters) {
        if (write(c.fd, &c.sharers, sizeof c.sharers) < 0) std::terminate();
      }
      while (served < count)
        yield();
    };
    serve_all();
    report("wait for a descriptor, and a read",
           per_call(rounds_for(count), serve_all) / static_cast<double>(count));
    report("descriptors", static_cast<double>(counters.size()));
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  const long count = argc == 3 ? std::atol(argv[2]) : 0;
  if (count < 1) {
    std::fprintf(stderr, "usage: %s fibers|timers|expiry|waits COUNT\n", argv[0]);
    return 1;
  }
  try {
    if (what == "fibers") grow_fibers(count);
    if (what == "timers") grow_timers(count);
    if (what == "expiry") expire_timers(count);
    if (what == "waits") grow_waits(count);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
