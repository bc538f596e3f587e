// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace motet {
namespace {

using test::trace;

/// What others may have to wait for: a few slices of the run queue.
constexpr int bound = 256;

/// A fiber that always wants its turn, and how many others had theirs between two of its
/// own.
struct witness {
  int others = 0;
  int longest = 0;
  fiber<> watching = spin([this] {
    for (;;) {
      const int before = others;
      yield();
      longest = std::max(longest, others - before);
    }
  });
};

void park_and_count(witness& w) {
  try {
    suspend();
  } catch (const cancelled&) {
    ++w.others;
    throw;
  }
}

TEST_SUITE("mass cancellation") {
  TEST_CASE("P-13: ten thousand fibers stopped one by one do not hold up another") {
    testing::run([] {
      witness w;
      std::vector<fiber<>> parked;
      for (int i = 0; i < 10'000; ++i) {
        parked.push_back(spin([&w] { park_and_count(w); }));
      }
      yield();
      for (const auto& f : parked)
        CHECK(f.stop());
      for (const auto& f : parked)
        CHECK(f.outcome().stopped());
      CHECK(w.others == 10'000);
      CHECK(w.longest > 0);
      CHECK(w.longest <= bound);
      CHECK(w.watching.interrupt().stopped());
    });
  }

  TEST_CASE("P-13: nor do those of one scope") {
    testing::run([] {
      witness w;
      with_scope([&](scope& s) {
        for (int i = 0; i < 10'000; ++i) {
          s.spin([&w] { park_and_count(w); });
        }
        yield();
        CHECK(s.cancel());
      });
      CHECK(w.others == 10'000);
      CHECK(w.longest > 0);
      CHECK(w.longest <= bound);
      CHECK(w.watching.interrupt().stopped());
    });
  }

  TEST_CASE("a request reaches children before parents, the eldest first") {
    trace log;
    testing::run([&] {
      const auto family = [&](const char* parent, const char* elder,
                              const char* younger) {
        return spin([&log, parent, elder, younger] {
          const auto child = [&log](const char* name) {
            return [&log, name] {
              try {
                suspend();
              } catch (const cancelled&) {
                log(name);
                throw;
              }
            };
          };
          const auto a = spin(child(elder));
          const auto b = spin(child(younger));
          child(parent)();
        });
      };
      const auto one = spin([&] {
        const auto f = family("A", "a1", "a2");
        const auto g = family("B", "b1", "b2");
        suspend();
      });
      testing::settle();
      CHECK(one.interrupt().stopped());
    });
    CHECK(log == trace{"a1", "a2", "A", "b1", "b2", "B"});
  }

  TEST_CASE("R3: one whose wait ends before its turn to be told has come goes on") {
    testing::run([] {
      constexpr int count = 1'000;
      int received = 0;
      int stopped = 0;
      std::vector<fiber<>> fibers;
      for (int i = 0; i < count; ++i)
        fibers.push_back(spin([&received] { received += receive<int>(); }));
      testing::settle();
      for (const auto& f : fibers)
        CHECK(f.stop());
      for (const auto& f : fibers)
        f << 1;
      for (const auto& f : fibers)
        stopped += f.outcome().stopped() ? 1 : 0;
      CHECK(stopped > 0);
      CHECK(received > 0);
      CHECK(received + stopped == count);
    });
  }
}

}  // namespace
}  // namespace motet
