// SPDX-License-Identifier: MIT
#include "test/context/death.hpp"
#include "test/context/strand.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <csignal>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <unwind.h>

using motet::stack_pool;
using motet::test::strand;

namespace {

/// Keeps more values alive across `pause` than there are registers, of every kind.
template <class Pause>
[[gnu::noinline]] std::uint64_t churn(std::uint64_t seed, Pause pause) {
  std::uint64_t a = seed, b = a * 3, c = b ^ 5, d = c + 7, e = d * 11, f = e ^ 13,
                g = f + 17;
  std::uint64_t h = g * 19, i = h ^ 23, j = i + 29, k = j * 31, l = k ^ 37, m = l + 41;
  double p = 1.0 + static_cast<double>(seed), q = p / 3, r = q + 5, s = r / 7, t = s + 11;
  long double x = static_cast<long double>(seed), y = x * 5;  // exact, for emulators
  for (int round = 0; round < 50; ++round) {
    a += m;
    b ^= a * 3;
    c += b;
    d ^= c * 5;
    pause();
    e += d;
    f ^= e * 7;
    g += f;
    h ^= g * 9;
    i += h;
    pause();
    j ^= i * 11;
    k += j;
    l ^= k * 13;
    m += l;
    p = p / 2 + q;
    q = q / 3 + r;
    r = r / 5 + s;
    pause();
    s = s / 7 + t;
    t = t / 11 + p;
    x += y;
    y -= 3;
  }
  const std::uint64_t whole = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m;
  const double fraction = p + q + r + s + t + static_cast<double>(x + y);
  return whole ^ std::bit_cast<std::uint64_t>(fraction);
}

_Unwind_Reason_Code count_frame(_Unwind_Context*, void* count) {
  // An unwinder that runs past the entry may find frames for ever.
  return ++*static_cast<int*>(count) > 100 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

[[gnu::noinline]] int throw_and_catch(int depth) {
  if (depth == 0) throw std::runtime_error("deep");
  try {
    return throw_and_catch(depth - 1) + 1;
  } catch (const std::logic_error&) {
    return -1;
  }
}

}  // namespace

TEST_SUITE("context") {
  TEST_CASE("a context runs until it switches back, and goes on from there") {
    stack_pool pool;
    std::string said;
    strand inner(pool, [&](strand& self) {
      said += "a";
      self.pause();
      said += "b";
      self.pause();
      said += "c";
    });
    CHECK(said.empty());
    inner.resume();
    CHECK(said == "a");
    inner.resume();
    CHECK(said == "ab");
    CHECK(!inner.done());
    inner.resume();
    CHECK(said == "abc");
    CHECK(inner.done());
  }

  TEST_CASE("a context is entered with its argument, on its own aligned stack") {
    stack_pool pool;
    strand inner(pool, [](strand& self) {
      alignas(32) volatile std::byte here[32] = {};
      const auto address = reinterpret_cast<std::uintptr_t>(here);
      CHECK(address % 32 == 0);
      const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
      CHECK(frame % 16 == 0);
      CHECK(frame > reinterpret_cast<std::uintptr_t>(self.stack().low));
      CHECK(frame < reinterpret_cast<std::uintptr_t>(self.stack().high));
    });
    inner.resume();
    CHECK(inner.done());
  }

  TEST_CASE("what lies above the given top of a stack stays as it is") {
    stack_pool pool;
    const motet::stack_span stack = pool.take();
    std::byte* const top = stack.high - 256;
    for (std::byte* at = top; at != stack.high; ++at)
      *at = std::byte{0x5a};
    motet::context fresh;
    motet::make_context(
        fresh, stack.low, top, [](void*) {}, nullptr);
    bool intact = true;
    for (std::byte* at = top; at != stack.high; ++at)
      intact &= *at == std::byte{0x5a};
    CHECK(intact);
    CHECK(motet::parked_stack_pointer(fresh) < top);
    CHECK(motet::parked_stack_pointer(fresh) >= top - 8192);
    pool.give_back(stack);
  }

  TEST_CASE("registers and locals survive the switch") {
    stack_pool pool;
    std::array<std::uint64_t, 3> results{};
    {
      strand one(pool,
                 [&](strand& self) { results[0] = churn(1, [&] { self.pause(); }); });
      strand two(pool,
                 [&](strand& self) { results[1] = churn(2, [&] { self.pause(); }); });
      // The outside has registers in use as well.
      results[2] = churn(3, [&] {
        if (!one.done()) one.resume();
        if (!two.done()) two.resume();
      });
      while (!one.done())
        one.resume();
      while (!two.done())
        two.resume();
    }
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      CHECK(results[seed - 1] == churn(seed, [] {}));
    }
  }

  TEST_CASE("contexts switch to one another in a ring") {
    stack_pool pool;
    constexpr int members = 50;
    int sum = 0;
    std::vector<std::unique_ptr<strand>> ring;
    for (int i = 0; i < members; ++i) {
      ring.push_back(std::make_unique<strand>(pool, [&sum, i, &ring](strand&) {
        sum += i;
        const auto next = static_cast<std::size_t>(i) + 1;
        if (next < members) ring[next]->resume();
        sum += i;
      }));
    }
    ring.front()->resume();
    CHECK(sum == members * (members - 1));
  }

  TEST_CASE("an exception is thrown and caught on a context") {
    stack_pool pool;
    std::string caught;
    strand inner(pool, [&](strand& self) {
      try {
        throw_and_catch(10);
      } catch (const std::runtime_error& error) {
        caught = error.what();
      }
      self.pause();
      try {
        self.pause();
        throw std::logic_error("late");
      } catch (const std::logic_error& error) {
        caught = error.what();
      }
    });
    inner.resume();
    CHECK(caught == "deep");
    inner.resume();
    inner.resume();
    CHECK(caught == "late");
  }

  TEST_CASE("contexts that park in a handler rethrow their own exceptions") {
    stack_pool pool;
    std::array<std::string, 2> rethrown;
    const auto park_in_handler = [&](std::size_t which) {
      return [&rethrown, which](strand& self) {
        try {
          try {
            throw std::runtime_error(std::to_string(which));
          } catch (...) {
            self.pause();
            throw;
          }
        } catch (const std::exception& error) {
          rethrown[which] = error.what();
        }
      };
    };
    strand one(pool, park_in_handler(0));
    strand two(pool, park_in_handler(1));
    one.resume();
    two.resume();
    CHECK(std::current_exception() == nullptr);
    one.resume();
    two.resume();
    CHECK(rethrown[0] == "0");
    CHECK(rethrown[1] == "1");
  }

  TEST_CASE("a context that parks while it unwinds is the only one that unwinds") {
    struct parks {
      strand& self;
      int& counted;
      ~parks() {
        self.pause();
        counted = std::uncaught_exceptions();
      }
    };
    stack_pool pool;
    int counted = -1;
    strand inner(pool, [&](strand& self) {
      try {
        const parks on_the_way{self, counted};
        throw std::runtime_error("unwinding");
      } catch (const std::runtime_error&) {
      }
    });
    inner.resume();
    CHECK(std::uncaught_exceptions() == 0);
    inner.resume();
    CHECK(counted == 1);
    CHECK(std::uncaught_exceptions() == 0);
  }

  TEST_CASE("a backtrace from a context ends at its entry") {
    stack_pool pool;
    int frames = 0;
    auto reason = _URC_NO_REASON;
    strand inner(pool, [&](strand& self) {
      self.pause();
      reason = _Unwind_Backtrace(count_frame, &frames);
    });
    inner.resume();
    inner.resume();
    CHECK(reason == _URC_END_OF_STACK);
    CHECK(frames > 1);
    CHECK(frames < 20);
  }

  TEST_CASE("an exception that leaves the entry ends the process, and says what it was") {
    const auto how = motet::test::run_in_child([] {
      std::signal(SIGABRT, SIG_DFL);  // doctest would report it
      stack_pool pool;
      strand inner(pool, [](strand&) { throw std::runtime_error("nobody catches me"); });
      inner.resume();
    });
    CHECK(how.signal == SIGABRT);
    CHECK(how.errors.find("nobody catches me") != std::string::npos);
  }
}
