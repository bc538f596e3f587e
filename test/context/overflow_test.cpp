// SPDX-License-Identifier: MIT
#include "lib/context/overflow.hpp"

#include "test/context/death.hpp"
#include "test/context/strand.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

using motet::stack_pool;
using motet::stack_span;
using motet::test::strand;

namespace {

constexpr std::string_view sentence = "fiber \"conn 7\" overflowed its 256 KiB stack";

std::size_t describe(char* into, std::size_t room) noexcept {
  const std::size_t length = std::min(room, sentence.size());
  std::memcpy(into, sentence.data(), length);
  return length;
}

std::size_t describe_nothing(char*, std::size_t) noexcept {
  return 0;
}

/// Never returns; the array keeps it from becoming a loop.
[[gnu::noinline]] int recurse(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

[[gnu::noinline]] int use_huge_frame() {
  volatile char frame[640 * 1024];
  asm volatile("" : : "r"(frame) : "memory");  // or clang keeps the one byte in use
  frame[0] = 1;
  return frame[0];
}

/// What a frame of 36 KiB does near the end of a stack, when it is compiled without
/// `-fstack-clash-protection`: it touches its far end first.
[[gnu::noinline]] void reach_beyond_the_end(stack_span stack) {
  *static_cast<volatile std::byte*>(stack.low + 512 - std::size_t{36} * 1024) =
      std::byte{1};
}

/// A fault that has nothing to do with stacks.
void touch_forbidden_page() {
  void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile char*>(page) = 1;
}

/// A piece of memory that two processes see.
class shared_memory {
 public:
  explicit shared_memory(std::size_t size)
      : fd_(memfd_create("neighbour", 0)), size_(size) {
    REQUIRE(ftruncate(fd_, static_cast<off_t>(size)) == 0);
  }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
  ~shared_memory() { close(fd_); }

  void map_at(std::byte* place) const {
    mmap(place, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd_, 0);
  }
  [[nodiscard]] bool holds_only(char expected) const {
    std::string content(size_, '\0');
    const ssize_t n = pread(fd_, content.data(), content.size(), 0);
    return n == static_cast<ssize_t>(size_) &&
           content.find_first_not_of(expected) == std::string::npos;
  }

 private:
  int fd_;
  std::size_t size_;
};

/// Without what an emulator adds.
std::string first_line(const motet::test::ending& how) {
  return how.errors.substr(0, how.errors.find('\n'));
}

/// Runs `body` on a stack whose lower neighbour is filled, in a child.
template <class Body>
void check_that_it_overflows(Body body) {
  stack_pool pool;
  const shared_memory neighbour(pool.usable_size());
  const auto how = motet::test::run_in_child([&] {
    std::signal(SIGSEGV, SIG_DFL);
    const stack_span one = pool.take();
    const stack_span other = pool.take();
    const stack_span below = one.low < other.low ? one : other;
    pool.give_back(one.low < other.low ? other : one);
    strand inner(pool, [&](strand& self) { body(self.stack()); });
    if (inner.stack().low != below.high + std::size_t{64} * 1024) _exit(1);
    neighbour.map_at(below.low);
    std::memset(below.low, 'n', below.size());
    const motet::alternate_stack for_handlers;
    motet::install_overflow_handler(describe);
    inner.resume();
  });
  CHECK(how.signal == SIGSEGV);
  CHECK(first_line(how) == "motet: " + std::string(sentence));
  CHECK(neighbour.holds_only('n'));
}

std::size_t previous_calls = 0;

}  // namespace

TEST_SUITE("overflow") {
  TEST_CASE("recursion without end names the fiber, and spares the neighbour") {
    check_that_it_overflows([](stack_span) { recurse(0); });
  }

  TEST_CASE("one huge frame names the fiber, and spares the neighbour") {
    check_that_it_overflows([](stack_span) { use_huge_frame(); });
  }

  TEST_CASE("a frame of 36 KiB does not jump over the guard") {
    check_that_it_overflows(reach_beyond_the_end);
  }

  TEST_CASE("a fiber that cannot be described still overflows with a sentence") {
    const auto how = motet::test::run_in_child([&] {
      std::signal(SIGSEGV, SIG_DFL);
      stack_pool pool;
      strand inner(pool, [](strand&) { recurse(0); });
      const motet::alternate_stack for_handlers;
      motet::install_overflow_handler(describe_nothing);
      inner.resume();
    });
    CHECK(how.signal == SIGSEGV);
    CHECK(first_line(how) == "motet: a fiber overflowed its stack");
  }

  TEST_CASE("a fault elsewhere kills as it would have without us") {
    const auto how = motet::test::run_in_child([&] {
      std::signal(SIGSEGV, SIG_DFL);
      motet::install_overflow_handler(describe);
      touch_forbidden_page();
    });
    CHECK(how.signal == SIGSEGV);
    CHECK(how.errors.find("motet") == std::string::npos);
  }

  TEST_CASE("a signal that somebody sends kills as it would have without us") {
    const auto how = motet::test::run_in_child([&] {
      std::signal(SIGSEGV, SIG_DFL);
      motet::install_overflow_handler(describe);
      raise(SIGSEGV);
    });
    CHECK(how.signal == SIGSEGV);
    CHECK(how.errors.find("motet") == std::string::npos);
  }

  TEST_CASE("a fault elsewhere goes to the handler that was there before") {
    const auto how = motet::test::run_in_child([&] {
      std::signal(SIGSEGV, [](int) {
        if (++previous_calls == 1) _exit(42);
      });
      motet::install_overflow_handler(describe);
      motet::install_overflow_handler(describe_nothing);
      touch_forbidden_page();
    });
    CHECK(how.signal == 0);
    CHECK(how.code == 42);
    CHECK(how.errors.find("motet") == std::string::npos);
  }

  TEST_CASE("a thread gets a stack for its handlers, unless it has one") {
    std::thread([] {
      stack_t before{};
      sigaltstack(nullptr, &before);
      {
        const motet::alternate_stack mine;
        stack_t outer{};
        sigaltstack(nullptr, &outer);
        CHECK((outer.ss_flags & SS_DISABLE) == 0);
        const motet::alternate_stack another;
        stack_t inner{};
        sigaltstack(nullptr, &inner);
        CHECK(inner.ss_sp == outer.ss_sp);
      }
      stack_t after{};
      sigaltstack(nullptr, &after);
      CHECK(after.ss_flags == before.ss_flags);
    }).join();
  }
}
