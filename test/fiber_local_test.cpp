// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::tracked;
using test::trouble;

/// Says when it is destroyed, and parks then.
struct loud {
  trace* log = nullptr;
  std::string name;

  loud() = default;
  loud(const loud&) = delete;
  loud& operator=(const loud&) = delete;
  ~loud() {
    if (log == nullptr) return;
    sleep(5ms);
    log->at(name);
  }
};

TEST_SUITE("fiber_local") {
  TEST_CASE("each fiber has its own value, which starts as a new one") {
    testing::run([] {
      const fiber_local<int> number;
      const fiber_local<std::string> word;
      *number = 1;
      *word = "main's";
      const auto f = spin([&] {
        CHECK(*number == 0);
        CHECK(word->empty());
        *number = 2;
        yield();
        CHECK(*number == 2);
      });
      yield();
      CHECK(*number == 1);
      f.await();
      CHECK(*number == 1);
      CHECK(*word == "main's");
    });
  }

  TEST_CASE("values are destroyed at the fiber's end, in it, shielded, youngest first") {
    trace log;
    testing::run([&] {
      const fiber_local<loud> first;
      const fiber_local<loud> second;
      const auto f = spin([&] {
        first->log = &log;
        first->name = "first";
        second->log = &log;
        second->name = "second";
        suspend();
      });
      testing::settle();
      f.interrupt();
      log.at("ended");
    });
    CHECK(log == trace{"second@5", "first@10", "ended@10"});
  }

  TEST_CASE("the main fiber's values are destroyed while it is one") {
    trace log;
    testing::run([&] {
      static const fiber_local<loud> value;
      value->log = &log;
      value->name = "main's";
    });
    CHECK(log == trace{"main's@5"});
  }

  TEST_CASE("a value outlives its fiber_local, not its fiber") {
    testing::run([] {
      auto variable = std::make_unique<fiber_local<tracked>>();
      const auto f = spin([&] {
        static_cast<void>(**variable);
        yield();
        variable.reset();
        const fiber_local<int> in_the_same_place;
        CHECK(*in_the_same_place == 0);
        CHECK(tracked::alive() == 1);
      });
      f.await();
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("a run that is restarted begins with new values") {
    trace log;
    testing::run([&] {
      const fiber_local<int> count;
      const auto f = spin({.restartable = true}, [&] {
        log(++*count);
        (void)receive<int>();
      });
      testing::settle();
      f.restart();
      testing::settle();
      f << 1;
      f.await();
      f.restart();
      testing::settle();
      f.stop();
    });
    CHECK(log == trace{"1", "1", "1"});
  }

  TEST_CASE("a value that cannot be made leaves none") {
    struct picky {
      picky() { throw trouble(); }
    };
    testing::run([] {
      const fiber_local<picky> value;
      CHECK_THROWS_AS((void)*value, trouble);
      CHECK_THROWS_AS((void)*value, trouble);
    });
  }

  TEST_CASE("a destructor may use other fiber_locals") {
    testing::run([] {
      static const fiber_local<tracked> other;
      struct user {
        ~user() { static_cast<void>(*other); }
      };
      const fiber_local<user> value;
      spin([&] { static_cast<void>(*value); }).await();
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("there is no value outside of fibers") {
    const fiber_local<int> value;
    CHECK_THROWS_AS((void)*value, structure_error);
  }
}

}  // namespace
}  // namespace motet
