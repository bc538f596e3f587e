// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <string>

namespace motet {
namespace {

constexpr const char* report = "nothing in sight can wake any of them";

TEST_SUITE("kernel: programs") {
  TEST_CASE("program: deadlock" * doctest::skip()) {
    // As in a program of its own: the test framework's handler is not ours to test.
    std::signal(SIGTERM, SIG_DFL);
    motet::run([] {
      const auto clerk = spin({.name = "clerk"}, [] { return receive<int>(); });
      sleep(1ms);
      clerk.await();
    });
  }
}

TEST_SUITE("kernel: deadlock") {
  // In a program without threads: others could wake a fiber.
  TEST_CASE("R18: a deadlock is told of once, with all fibers, and goes on") {
    test::child program(test::run_only("program: deadlock"));
    CHECK(program.hear(report));
    CHECK(program.hear("\"clerk\" (1) waits for a message"));
    program.send_signal(SIGTERM);
    const test::death how = program.wait();
    CHECK(how.code == 143);
    CHECK(how.said.find(report) == std::string::npos);
  }

  TEST_CASE("a program that waits to be stopped is in no deadlock") {
    test::child program([](int to) {
      motet::run([&] {
        const auto server = spin([] { suspend(); });
        spin([&] {
          test::say(to, "up");
          static_cast<void>(receive<int>());
        });
        server.await();
      });
    });
    CHECK(program.hear("up"));
    program.send_signal(SIGTERM);
    CHECK(program.wait().said.find(report) == std::string::npos);
  }
}

}  // namespace
}  // namespace motet
