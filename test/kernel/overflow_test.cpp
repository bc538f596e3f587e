// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"

#include <motet/cancel.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <string>

namespace motet {
namespace {

using test::child;
using test::death;
using test::run_only;

/// Never returns; what is added keeps it from becoming a loop.
[[gnu::noinline]] int recurse(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

[[gnu::noinline]] int use_huge_frame(int value) {
  volatile char frame[300 * 1024];
  asm volatile("" : : "r"(frame) : "memory");
  frame[0] = static_cast<char>(value);
  return frame[0];
}

/// Overflows the stack of a fiber, beside others.
template <class Body>
void overflow_in(const std::string& name, Body body) {
  motet::run([&] {
    auto neighbour = spin([] { suspend(); });
    yield();
    auto deep = spin({.name = name}, body);
    deep.await();
  });
}

// Programs that the tests below run.
TEST_SUITE("kernel: programs that overflow") {
  TEST_CASE("program: recurse" * doctest::skip()) {
    overflow_in("digger", [] { return recurse(0); });
  }
  TEST_CASE("program: huge frame" * doctest::skip()) {
    overflow_in("giant", [] { return use_huge_frame(1); });
  }
  TEST_CASE("program: recurse without a name" * doctest::skip()) {
    overflow_in("", [] { return recurse(0); });
  }
  TEST_CASE("program: null pointer" * doctest::skip()) {
    overflow_in("wanderer", [] {
      volatile int* volatile nowhere = nullptr;
      return *nowhere;
    });
  }
}

TEST_SUITE("kernel: stack overflow") {
  TEST_CASE("F13: a recursion too deep names the fiber and where it was spun") {
    const death how = child(run_only("program: recurse")).wait();
    CHECK(how.signal == SIGSEGV);
    CHECK(how.said.find("fiber \"digger\" overflowed its 256 KiB stack") !=
          std::string::npos);
    CHECK(how.said.find("kernel/overflow_test.cpp:") != std::string::npos);
  }

  TEST_CASE("F13: a frame larger than the stack does, too") {
    const death how = child(run_only("program: huge frame")).wait();
    CHECK(how.signal == SIGSEGV);
    CHECK(how.said.find("fiber \"giant\" overflowed") != std::string::npos);
  }

  TEST_CASE("F13: a fiber without a name is told by its number") {
    const death how = child(run_only("program: recurse without a name")).wait();
    CHECK(how.signal == SIGSEGV);
    CHECK(how.said.find("motet: fiber \"fiber ") != std::string::npos);
  }

  TEST_CASE("a null pointer is no stack overflow") {
    const death how = child(run_only("program: null pointer")).wait();
    CHECK((how.signal != 0 || how.code != 0));
    CHECK(how.said.find("overflowed") == std::string::npos);
  }

  TEST_CASE("with a larger stack there is room") {
    motet::run([] {
      CHECK(spin({.stack_size = 1024 * 1024}, [] { return use_huge_frame(1); }).await());
    });
  }
}

}  // namespace
}  // namespace motet
