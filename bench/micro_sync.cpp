// SPDX-License-Identifier: MIT

/// @file
/// Locks and channels among fibers of one thread.
///
/// Once a process has had a second thread, whoever changes a lock or a channel keeps
/// others out by an atomic exchange: what that costs is in rows of its own.

#include "limits.hpp"
#include "measure.hpp"

#include <motet/motet.hpp>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/single_threaded.h>

namespace bench {

namespace {

using namespace motet;

double mutex_in_and_out(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    mutex m;
    each = per_call(rounds, [&] {
      m.lock();
      keep();
      m.unlock();
    });
  });
  return each;
}

double semaphore_in_and_out(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    semaphore slots(1);
    each = per_call(rounds, [&] {
      slots.acquire();
      keep();
      slots.release();
    });
  });
  return each;
}

/// ns from sending a number to having the answer, over two channels without room.
double channel_there_and_back(long rounds) {
  double each = none;
  run({.signals = signal_policy::none}, [&] {
    channel<long> there;
    channel<long> back;
    const auto peer = spin([&] {
      for (const long n : there)
        back.send(n + 1);
    });
    const auto exchange = [&] {
      there.send(1);
      if (back.receive() != 2) std::terminate();
    };
    for (int i = 0; i < 1000; ++i)
      exchange();
    each = per_call(rounds, exchange);
    there.close();
    peer.await();
  });
  return each;
}

/// The C library tells whether there ever was a second thread, and so does the library.
void have_been_several_threads() {
  std::thread([] {}).join();
  if (__libc_single_threaded) throw std::runtime_error("still taken for one thread");
}

using measured = double (*)(long rounds);

benchmark row_of(std::string what, double target, std::string limit_name, measured limit,
                 measured value, long rounds) {
  return {{{std::move(what), "ns", target, std::move(limit_name)}}, [=] {
            const double least = limit == nullptr ? none : limit(rounds);
            return std::vector<finding>{{value(rounds), least}};
          }};
}

/// As above, once the process has had several threads.
benchmark among_threads(benchmark one) {
  one.rows.front().what += ", in a process of several threads";
  one.rows.front().target = none;
  one.trial = [alone = std::move(one.trial)] {
    have_been_several_threads();
    return alone();
  };
  return one;
}

double two_switches(long rounds) {
  return 2 * bare_switch(2, 2 * rounds);
}

}  // namespace

std::vector<benchmark> sync_benchmarks(const measure_options& options) {
  const long million = options.quick ? 250'000 : 1'000'000;
  const benchmark lock = row_of("mutex, locked and unlocked", 3, "", nullptr,
                                mutex_in_and_out, 20 * million);
  const benchmark lock_for_threads =
      row_of(lock.rows.front().what, none, "atomic exchange and a store", bare_spin_lock,
             mutex_in_and_out, 20 * million);
  const benchmark pass =
      row_of("channel without room, there and back", 50, "two bare switches",
             two_switches, channel_there_and_back, 2 * million);
  const benchmark permit = row_of("semaphore, acquired and released", none, "", nullptr,
                                  semaphore_in_and_out, 20 * million);
  return {lock, pass, permit, among_threads(lock_for_threads), among_threads(pass)};
}

}  // namespace bench
