// SPDX-License-Identifier: MIT
#include "lib/context/stack.hpp"

#include "test/context/death.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using motet::stack_pool;
using motet::stack_span;

namespace {

// Each test that looks at the reserve has a size of its own, for the reserve outlives it.
constexpr std::size_t operator""_kib(unsigned long long n) {
  return std::size_t{n} * 1024;
}

void touch(std::byte* at) {
  *static_cast<volatile std::byte*>(at) = std::byte{1};
}

std::size_t resident_pages(stack_span stack) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> present(stack.size() / page);
  if (mincore(stack.low, stack.size(), present.data()) != 0) return 0;
  return static_cast<std::size_t>(
      std::count_if(present.begin(), present.end(), [](auto p) { return (p & 1) != 0; }));
}

std::vector<stack_span> take_many(stack_pool& pool, std::size_t count) {
  std::vector<stack_span> taken;
  for (std::size_t i = 0; i < count; ++i)
    taken.push_back(pool.take());
  return taken;
}

void give_back_all(stack_pool& pool, const std::vector<stack_span>& taken) {
  for (const stack_span stack : taken)
    pool.give_back(stack);
}

/// Takes stacks until that fails, and writes what failed to stderr.
void take_until_it_fails(stack_pool& pool, std::size_t at_most) {
  std::vector<stack_span> taken;
  taken.reserve(at_most);
  try {
    while (taken.size() < at_most)
      taken.push_back(pool.take());
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s", error.what());
    // What is there can still be used.
    for (const stack_span stack : taken)
      pool.give_back(stack);
    touch(pool.take().low);
    return;
  }
  std::fprintf(stderr, "all %zu taken", taken.size());
}

}  // namespace

TEST_SUITE("stack") {
  TEST_CASE("a stack has the size that was asked for, in pages, and 16 KiB at least") {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    for (const auto& [asked, given] :
         {std::pair{1_kib, 16_kib}, std::pair{100_kib + 1, 104_kib},
          std::pair{motet::default_stack_size, 256_kib}}) {
      stack_pool pool(asked);
      const stack_span stack = pool.take();
      CHECK(stack);
      if (page == 4096) CHECK(stack.size() == given);
      CHECK(stack.size() == pool.usable_size());
      CHECK(reinterpret_cast<std::uintptr_t>(stack.low) % page == 0);
      CHECK(reinterpret_cast<std::uintptr_t>(stack.high) % page == 0);
      touch(stack.low);
      touch(stack.high - 1);
      pool.give_back(stack);
    }
  }

  TEST_CASE("no span is no stack") {
    CHECK(!stack_span{});
    CHECK(stack_span{}.size() == 0);
  }

  TEST_CASE("the stack given back last is taken first") {
    stack_pool pool;
    const stack_span first = pool.take();
    const stack_span second = pool.take();
    CHECK(first.low != second.low);
    pool.give_back(first);
    pool.give_back(second);
    CHECK(pool.take().low == second.low);
    CHECK(pool.take().low == first.low);
    pool.give_back(first);
    pool.give_back(second);
  }

  TEST_CASE("64 KiB below each stack are its guard, and nothing else is") {
    stack_pool pool;
    for (const stack_span stack : take_many(pool, 200)) {
      CHECK(motet::in_guard(stack.low - 1));
      CHECK(motet::in_guard(stack.low - 64_kib));
      CHECK(!motet::in_guard(stack.low - 64_kib - 1));
      CHECK(!motet::in_guard(stack.low));
      CHECK(!motet::in_guard(stack.high - 1));
      pool.give_back(stack);
    }
    int local = 0;
    CHECK(!motet::in_guard(&local));
    CHECK(!motet::in_guard(nullptr));
  }

  TEST_CASE("whoever touches a guard dies, however the guard is made") {
    using motet::detail::guard_method;
    for (const auto method : {guard_method::install, guard_method::protect}) {
      for (const std::size_t below : {std::size_t{1}, 64_kib}) {
        const auto how = motet::test::run_in_child([&] {
          std::signal(SIGSEGV, SIG_DFL);
          motet::detail::use_guard_method(method);
          stack_pool pool(28_kib);
          touch(pool.take().low - below);
        });
        CHECK(how.signal == SIGSEGV);
      }
    }
  }

  TEST_CASE("a hundred thousand stacks exist at once") {
    stack_pool pool;
    pool.give_back(pool.take());
    // An older kernel ends at vm.max_map_count.
    const bool guards_are_free =
        motet::detail::guard_method_in_use() == motet::detail::guard_method::install;
    const std::size_t many = motet::sanitized  ? 2'000
                             : guards_are_free ? 100'000
                                               : 20'000;
    std::vector<stack_span> taken;
    for (std::size_t i = 0; i < many; ++i) {
      taken.push_back(pool.take());
      *reinterpret_cast<std::size_t*>(taken.back().high - 64) = i;
    }
    std::size_t intact = 0;
    for (std::size_t i = 0; i < many; ++i) {
      intact += *reinterpret_cast<std::size_t*>(taken[i].high - 64) == i ? 1 : 0;
      pool.give_back(taken[i]);
    }
    CHECK(intact == many);
  }

  TEST_CASE("an idle pool gives memory back, and the guards survive that") {
    stack_pool pool(32_kib);
    const auto taken = take_many(pool, 400);
    for (const stack_span stack : taken) {
      for (std::byte* at = stack.low; at < stack.high; at += 4_kib)
        touch(at);
      pool.give_back(stack);
    }
    const auto resident = [&] {
      std::size_t pages = 0;
      for (const stack_span stack : taken)
        pages += resident_pages(stack);
      return pages;
    };
    const std::size_t before = resident();
    REQUIRE(before != 0);
    int calls = 1;
    while (pool.trim())
      ++calls;
    CHECK(calls > 1);  // bounded work per call
    CHECK(resident() <= before / 4);
    CHECK(!pool.trim());
    const auto how = motet::test::run_in_child([&] {
      std::signal(SIGSEGV, SIG_DFL);
      touch(taken.front().low - 1);
    });
    CHECK(how.signal == SIGSEGV);
    // All of them can be taken again, none of them twice.
    std::set<std::byte*> known;
    for (const stack_span stack : taken)
      known.insert(stack.low);
    for (const stack_span stack : take_many(pool, taken.size())) {
      touch(stack.low);
      CHECK(known.erase(stack.low) == 1);
    }
    give_back_all(pool, taken);
  }

  TEST_CASE("a pool that goes leaves its stacks to the next one of the same size") {
    std::set<std::byte*> left;
    stack_span out;
    {
      stack_pool pool(36_kib);
      const auto taken = take_many(pool, 500);
      out = taken.back();
      for (const stack_span stack : taken) {
        left.insert(stack.low);
        if (stack.low != out.low) pool.give_back(stack);
      }
    }
    stack_pool other(40_kib);
    const stack_span alien = other.take();
    CHECK(left.count(alien.low) == 0);
    other.give_back(alien);
    stack_pool next(36_kib);
    const auto again = take_many(next, 499);
    for (const stack_span stack : again) {
      CHECK(left.erase(stack.low) == 1);
    }
    CHECK(left.count(out.low) == 1);
    motet::give_back_to_reserve(out);
    CHECK(next.take().low == out.low);
    next.give_back(out);
    give_back_all(next, again);
  }

  TEST_CASE("pools of several threads share the reserve") {
    {
      // More than the threads have out at a time, so that its lists need not grow then.
      stack_pool first(44_kib);
      give_back_all(first, take_many(first, 500));
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int round = 0; round < 50; ++round) {
          stack_pool pool(44_kib);
          for (const stack_span stack : take_many(pool, 100)) {
            touch(stack.high - 1);
            pool.give_back(stack);
          }
          pool.trim();
          motet::give_back_to_reserve(stack_pool(44_kib).take());
        }
      });
    }
    for (std::thread& thread : threads)
      thread.join();
  }

  TEST_CASE("a limit on address space is met with the number of stacks and what helps") {
    if (motet::sanitized) return;  // a sanitizer needs more than any limit leaves
    const auto how = motet::test::run_in_child([] {
      stack_pool pool(1024_kib);
      std::size_t pages = 0;
      std::ifstream("/proc/self/statm") >> pages;
      const rlimit little{pages * 4096 + 256'000_kib, RLIM_INFINITY};
      setrlimit(RLIMIT_AS, &little);
      void* const large = mmap(nullptr, 1'000'000_kib, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (large != MAP_FAILED) _exit(77);  // an emulator knows no limit
      take_until_it_fails(pool, 1'000);
    });
    if (how.code == 77) return;
    INFO(how.errors);
    CHECK(how.code == 0);
    CHECK(how.signal == 0);
    CHECK(how.errors.find("cannot map a stack of 1024 KiB while there are ") == 0);
    CHECK(how.errors.find("ulimit -v") != std::string::npos);
    CHECK(how.errors.find("Cannot allocate memory") != std::string::npos);
  }

  TEST_CASE("guards that cost mappings end at vm.max_map_count, and the error says so") {
    std::size_t limit = 0;
    std::ifstream("/proc/sys/vm/max_map_count") >> limit;
    // Elsewhere it takes too long to get there, and a sanitizer does not live without.
    if (motet::sanitized || limit > 70'000) return;
    const auto how = motet::test::run_in_child([&] {
      motet::detail::use_guard_method(motet::detail::guard_method::protect);
      stack_pool pool(16_kib);
      take_until_it_fails(pool, limit);
    });
    INFO(how.errors);
    CHECK(how.code == 0);
    CHECK(how.signal == 0);
    CHECK(how.errors.find("cannot guard a stack of 16 KiB while there are ") == 0);
    CHECK(how.errors.find("raise vm.max_map_count") != std::string::npos);
    CHECK(how.errors.find("Cannot allocate memory") != std::string::npos);
  }

  TEST_CASE("a stack larger than any memory is refused, not miscalculated") {
    stack_pool pool(~std::size_t{0});
    CHECK_THROWS_AS(static_cast<void>(pool.take()), std::system_error);
  }
}
