// SPDX-License-Identifier: MIT
// Thousands of fibers cancelled at once, with real memory and real timers.
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <vector>

namespace motet {
namespace {

constexpr int fibers = test::sanitized ? 1'000 : 10'000;
constexpr int frames = 20;

/// How many frames are there, and how many others had their turn between two turns of a
/// fiber that always wants its own.
struct tally {
  int live_frames = 0;
  int others = 0;
  int longest_gap = 0;
};

struct frame {
  explicit frame(tally& t) noexcept : t_(t) { ++t_.live_frames; }
  frame(const frame&) = delete;
  frame& operator=(const frame&) = delete;
  ~frame() { --t_.live_frames; }

 private:
  tally& t_;
};

void descend(tally& t, int deeper) {
  const frame here(t);
  if (deeper == 1) {
    const finally turn([&] { ++t.others; });
    sleep(1h);
  } else {
    descend(t, deeper - 1);
  }
}

/// In pages.
long resident_memory() {
  std::ifstream about("/proc/self/statm");
  long virtual_size = 0;
  long resident = 0;
  about >> virtual_size >> resident;
  return resident;
}

void cancel_them_all() {
  tally t;
  const auto ticker = spin([&] {
    for (;;) {
      const int before = t.others;
      yield();
      t.longest_gap = std::max(t.longest_gap, t.others - before);
    }
  });
  with_scope([&](scope& s) {
    for (int i = 0; i < fibers; ++i)
      s.spin([&] { descend(t, frames); });
    while (t.live_frames != fibers * frames)
      yield();
    CHECK(s.cancel());
  });
  CHECK(ticker.interrupt().stopped());
  CHECK(t.live_frames == 0);
  CHECK(t.others == fibers);
  CHECK(t.longest_gap <= 256);  // a few slices of the run queue
}

TEST_SUITE("mass cancellation") {
  TEST_CASE("P-13: fibers of twenty frames unwind in slices, and memory does not grow") {
    test::run_on_kernel([] {
      cancel_them_all();
      const long after_one = resident_memory();
      for (int i = 0; i < 3; ++i)
        cancel_them_all();
      if (!test::sanitized) CHECK(resident_memory() <= after_one + after_one / 8);
    });
  }
}

}  // namespace
}  // namespace motet
