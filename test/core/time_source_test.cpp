// SPDX-License-Identifier: MIT
#include "lib/core/time_source.hpp"

#include "backend/make_backend.hpp"
#include "test/core/stub_backend.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace motet::detail {
namespace {

TEST_SUITE("core: time source") {
  TEST_CASE("an estimate is never before the true time") {
    const stub_backend kernel;
    time_source time(kernel);
    const time_point end = machine_time() + 20ms;
    int early = 0;
    duration worst{};
    for (time_point before = machine_time(); before < end; before = machine_time()) {
      const duration lead = time.not_before_now() - before;
      if (lead < duration::zero()) ++early;
      worst = std::min(worst, lead);
    }
    CAPTURE(worst.count());
    CHECK(early == 0);
  }

  TEST_CASE("an estimate soon after a correction is never before the true time") {
    const stub_backend kernel;
    time_source time(kernel);
    int early = 0;
    for (int i = 0; i < 20'000; ++i) {
      time.correct();
      for (int k = 0; k < 3; ++k) {
        const time_point before = machine_time();
        if (time.not_before_now() < before) ++early;
      }
    }
    CHECK(early == 0);
  }

  TEST_CASE("an estimate exceeds the true time by little") {
    const stub_backend kernel;
    time_source time(kernel);
    // This thread may lose its core between any two readings; but not always.
    int close = 0;
    for (int i = 0; i < 2'000; ++i) {
      if (i % 100 == 0) time.correct();
      const time_point estimate = time.not_before_now();
      if (estimate <= machine_time() + 5us) ++close;
    }
    CHECK(close >= 1'900);
  }

  TEST_CASE("the time it corrects itself to lies between two readings of the clock") {
    const stub_backend kernel;
    time_source time(kernel);
    const time_point before = machine_time();
    const time_point corrected = time.correct();
    CHECK(before <= corrected);
    CHECK(corrected <= machine_time());
    CHECK(time.now() >= corrected);
  }

  TEST_CASE("simulated time is exact and moves only when told to") {
    const auto kernel = make_backend(engine::sim);
    time_source time(*kernel);
    const time_point start = time.now();
    CHECK(time.not_before_now() == start);
    kernel->advance(7ms);
    CHECK(time.now() == start + 7ms);
    CHECK(time.not_before_now() == start + 7ms);
    CHECK(time.correct() == start + 7ms);
  }
}

}  // namespace
}  // namespace motet::detail
