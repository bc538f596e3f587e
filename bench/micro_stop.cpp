// SPDX-License-Identifier: MIT

/// @file
/// Stopping fibers: one that is parked in a read, and many that sleep.

#include "limits.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bench {

namespace {

using namespace motet;

struct witness {
  ~witness() { keep(); }
};

/// Reads with `frames` frames on the stack that each have something to destroy.
[[gnu::noinline]] void read_under(int frames, tcp::stream& from) {
  const witness here;
  if (frames > 1) return read_under(frames - 1, from);
  std::array<std::byte, 64> buffer;
  (void)from.read(buffer);
}

struct connection {
  tcp::stream ours;
  tcp::stream theirs;
};

std::vector<connection> connect_many(int count) {
  auto server = tcp::listen("127.0.0.1", 0);
  std::vector<connection> all;
  for (int i = 0; i < count; ++i) {
    auto ours = tcp::connect("127.0.0.1", server.local().port());
    all.push_back({std::move(ours), server.accept()});
  }
  return all;
}

/// ns from the request until the outcome is known, one fiber after the other.
double stop_parked_reads(int frames, int readers, int rounds) {
  double each = none;
  run({.backend = backend_kind::uring, .signals = signal_policy::none}, [&] {
    auto connections = connect_many(readers);
    std::int64_t spent = 0;
    for (int round = 0; round < rounds; ++round) {
      std::vector<fiber<>> fibers;
      for (connection& c : connections) {
        fibers.push_back(spin([&c, frames] { read_under(frames, c.ours); }));
      }
      sleep(1ms);  // the reads get into the kernel
      const std::int64_t start = cpu_ns();
      for (const auto& f : fibers)
        f.interrupt();
      spent += cpu_ns() - start;
    }
    each = static_cast<double>(spent) / (static_cast<double>(rounds) * readers);
  });
  return each;
}

/// ns per fiber: all asked, then all awaited.
double stop_sleepers(long sleepers, int rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    std::int64_t spent = 0;
    std::vector<fiber<>> fibers;
    for (int round = 0; round < rounds; ++round) {
      fibers.clear();
      for (long i = 0; i < sleepers; ++i)
        fibers.push_back(spin([] { sleep(1h); }));
      yield();  // all of them run, and park
      const std::int64_t start = cpu_ns();
      for (const auto& f : fibers)
        f.stop();
      for (const auto& f : fibers)
        (void)f.wait();
      spent += cpu_ns() - start;
    }
    each = static_cast<double>(spent) / (static_cast<double>(rounds) * double(sleepers));
  });
  return each;
}

/// The longest gap between two ticks of 10 ms, in ms, while as many reads as
/// `connections` has ends are cancelled at once.
double gap_of_ticker(int connections) {
  double longest = 0;
  run({.backend = backend_kind::uring, .signals = signal_policy::none}, [&] {
    auto all = connect_many(connections);
    time_point last;
    with_scope([&](scope& readers) {
      for (connection& c : all) {
        readers.spin([&c] { read_under(20, c.ours); });
        readers.spin([&c] { read_under(20, c.theirs); });
      }
      sleep(20ms);  // the reads get into the kernel
      last = clock::now();
      spin([&] {
        every(10ms, [&] {
          const time_point now = clock::now();
          const std::chrono::duration<double, std::milli> gap(now - last);
          longest = std::max(longest, gap.count());
          last = now;
        });
      });
      sleep(20ms);
      longest = 0;
      readers.cancel();
    });
    sleep(20ms);
  });
  return longest;
}

benchmark sleepers_benchmark(long sleepers, std::string what, int rounds) {
  return {{{"stop " + std::move(what) + " sleepers, each", "ns", 2500,
            "unwinding one frame"}},
          [=] {
            const double limit = bare_unwinding(1, 100'000);
            return std::vector<finding>{{stop_sleepers(sleepers, rounds), limit}};
          }};
}

}  // namespace

std::vector<benchmark> stop_benchmarks(const measure_options& options) {
  constexpr int readers = 64;
  const int rounds = options.quick ? 20 : 100;
  const auto parked_read = [=] {
    const double kernel = bare_cancel_of_receive(readers, rounds);
    const double one = bare_unwinding(1, 100'000);
    const double five = bare_unwinding(5, 100'000);
    const double shallow = stop_parked_reads(1, readers, rounds);
    const double deep = stop_parked_reads(5, readers, rounds);
    return std::vector<finding>{{shallow, kernel + one},
                                {(deep - shallow) / 4, (five - one) / 4}};
  };
  const std::string what = "stop a parked read until its outcome is known";
  std::vector<benchmark> all;
  all.push_back({{{what + ", one frame with a destructor", "ns", 3000,
                   "cancel in the kernel and unwinding"},
                  {what + ", each further frame", "ns", 750, "unwinding"}},
                 parked_read});
  all.push_back(sleepers_benchmark(1'000, "1,000", options.quick ? 20 : 100));
  all.push_back(sleepers_benchmark(10'000, "10,000", options.quick ? 4 : 10));
  all.push_back(sleepers_benchmark(100'000, "100,000", options.quick ? 1 : 2));
  const auto ticker = [] { return std::vector<finding>{{gap_of_ticker(5'000), 10}}; };
  all.push_back({{{"longest gap of a ticker while 10,000 parked reads are cancelled",
                   "ms", 50, "its interval"}},
                 ticker});
  return all;
}

}  // namespace bench
