// SPDX-License-Identifier: MIT
// F17: fibers of two threads that stop each other, and stops against natural ends.
//
// Each round of the first kind: a fiber here and one there interrupt each other, that is,
// each stops the other and waits for its end. Of the second kind: a fiber ends by itself
// while another thread stops it. Every fiber has to end, in exactly one way, and its
// destructors have to run exactly once.
//
// usage: f17_threads [--long]
#include "test/figures/figure.hpp"

#include <motet/motet.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {

using namespace motet;

struct tally {
  std::atomic<std::size_t> values{0};
  std::atomic<std::size_t> stops{0};
  std::atomic<std::size_t> neither{0};  ///< Or both.
  std::atomic<std::size_t> unwound_wrongly{0};

  void count(const outcome<int>& how) {
    ++(how.has_value() == how.stopped() ? neither : how.stopped() ? stops : values);
  }
  [[nodiscard]] std::size_t wrong() const { return neither + unwound_wrongly; }
};

/// Counts how often a frame is left.
struct frame {
  std::atomic<int>& left;
  explicit frame(std::atomic<int>& l) : left(l) {}
  frame(const frame&) = delete;
  frame& operator=(const frame&) = delete;
  ~frame() { ++left; }
};

/// A step of pseudo-random numbers, so that rounds differ in when things happen.
std::uint32_t next(std::uint32_t& state) {
  state = state * 1'664'525 + 1'013'904'223;
  return state >> 20U;
}

/// One of two threads that do the same: a fiber of each interrupts the other's.
void interrupt_each_other(channel<fiber_ref>& mine, channel<fiber_ref>& others,
                          std::size_t rounds, std::uint32_t seed, tally& all) {
  for (std::size_t i = 0; i < rounds; ++i) {
    std::atomic<int> left = 0;
    const auto f = spin([&left, wait = next(seed) % 4] {
      const frame counted(left);
      const auto other = receive<fiber_ref>();
      for (std::uint32_t n = 0; n < wait; ++n)
        yield();
      (void)other.interrupt();
      return 1;
    });
    others.send(f);
    f << mine.receive();
    all.count(f.outcome());
    if (left > 1) ++all.unwound_wrongly;
  }
}

/// Fibers that end by themselves, told to the other thread.
void end_by_itself(channel<fiber_ref>& to_stop, std::size_t rounds, tally& all) {
  std::uint32_t seed = 1;
  for (std::size_t i = 0; i < rounds; ++i) {
    std::atomic<int> left = 0;
    const auto f = spin([&left, wait = next(seed) % 16] {
      const frame counted(left);
      for (std::uint32_t n = 0; n < wait; ++n)
        yield();
      return 1;
    });
    to_stop.send(f);
    for (std::uint32_t n = 0; n < next(seed) % 8; ++n)
      yield();
    all.count(f.outcome());
    if (left > 1) ++all.unwound_wrongly;
  }
  to_stop.close();
}

void run_rounds(backend_kind backend, std::size_t rounds, tally& mutual, tally& natural) {
  std::array<channel<fiber_ref>, 2> handles{channel<fiber_ref>(1), channel<fiber_ref>(1)};
  channel<fiber_ref> to_stop(64);
  run_threads(2, {.backend = backend, .signals = signal_policy::none},
              [&](std::size_t i) {
                interrupt_each_other(handles[i], handles[1 - i], rounds,
                                     static_cast<std::uint32_t>(i) + 1, mutual);
                if (i == 0) return end_by_itself(to_stop, rounds, natural);
                for (const fiber_ref& f : to_stop)
                  f.stop();
              });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t rounds = test::asked_for_long(argc, argv) ? 1'000'000 : 25'000;
  const test::stopwatch watch;
  tally mutual;
  tally natural;
  std::string backends;
  for (const auto& [kind, name] : test::kernel_backends()) {
    const test::watchdog dog(name, 1'500);
    run_rounds(kind, rounds, mutual, natural);
    backends += (backends.empty() ? "" : ", ") + std::string(name);
  }
  const std::size_t wrong = mutual.wrong() + natural.wrong();
  std::printf(
      "F17: %s fibers of two threads interrupted each other (%s stopped, the "
      "others were first), %s stopped while they ended (%s in time), on %s: %zu "
      "wrong (%.1f s)\n",
      test::with_commas(mutual.values + mutual.stops).c_str(),
      test::with_commas(mutual.stops).c_str(),
      test::with_commas(natural.values + natural.stops).c_str(),
      test::with_commas(natural.stops).c_str(), backends.c_str(), wrong, watch.seconds());
  return wrong == 0 && mutual.stops != 0 && natural.values != 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::printf("F17: %s\n", error.what());
  return 1;
}
