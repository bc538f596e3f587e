// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <semaphore>
#include <string>

namespace motet {
namespace {

/// Abandons a job that never ends, and returns from `run`.
void leave_a_job_behind(int out) {
  run([&] {
    std::binary_semaphore begun(0);
    const auto f = spin({.name = "reader"}, [&begun] {
      blocking(abandon_on_cancel, [&begun] {
        begun.release();
        std::binary_semaphore(0).acquire();
      });
    });
    yield();
    begun.acquire();
    (void)f.interrupt();
    test::say(out, "main is over\n");
  });
  test::say(out, "run is over\n");
}

TEST_SUITE("kernel: blocking") {
  TEST_CASE("K-09: what was abandoned has a grace at the end of run, then is named") {
    const auto start = std::chrono::steady_clock::now();
    test::child process(&leave_a_job_behind);
    const test::death how = process.wait();
    CHECK(std::chrono::steady_clock::now() - start >= 2s);
    CHECK(how.signal == 0);
    CHECK(how.code == 0);
    CHECK(how.said.find("motet: left behind at the end of run, and still running: a job "
                        "that fiber \"reader\" abandoned ") != std::string::npos);
    CHECK(how.said.find("test/kernel/blocking_test.cpp:") != std::string::npos);
    CHECK(how.said.find("run is over") != std::string::npos);
  }

  TEST_CASE("K-09: a second signal cuts that grace short") {
    test::child process(&leave_a_job_behind);
    REQUIRE(process.hear("main is over"));
    const auto start = std::chrono::steady_clock::now();
    process.send_signal(SIGINT);
    process.send_signal(SIGTERM);
    const test::death how = process.wait();
    CHECK(std::chrono::steady_clock::now() - start < 2s);
    CHECK(how.said.find("left behind") != std::string::npos);
    CHECK(how.said.find("run is over") != std::string::npos);
  }
}

}  // namespace
}  // namespace motet
