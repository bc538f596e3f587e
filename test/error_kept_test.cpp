// SPDX-License-Identifier: MIT
// Errors at the edges of what takes them: none is lost there, none comes twice.
#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace motet {
namespace {

/// How many points in a row may go by until one of them lets others run, and more.
constexpr int enough_points = 300;

/// A child whose cleanup fails.
fiber<> spin_clumsy() {
  return spin([] {
    try {
      suspend();
    } catch (const cancelled&) {
      throw std::runtime_error("cleanup");
    }
  });
}

/// Calls `wait(child)`, shielded, with a child that fails as soon as it runs, after any
/// number of points that did not park: one of these waits lets the child run before it
/// gets to waiting. @returns how often the error came once more.
template <class F>
int count_second_throws(F&& wait) {
  int second = 0;
  for (int points = 0; points < enough_points; ++points) {
    shield([&] {
      yield();
      for (int i = 0; i < points; ++i)
        checkpoint();
      const fiber<> child = spin([] { throw std::logic_error("once"); });
      try {
        wait(child);
      } catch (const std::logic_error&) {
      }
    });
    try {
      checkpoint();
    } catch (const std::logic_error&) {
      ++second;
    }
  }
  return second;
}

TEST_SUITE("errors are kept") {
  TEST_CASE("S-18: a child that fails while a wait for it begins is thrown once") {
    testing::run([] {
      CHECK(count_second_throws([](const fiber<>& child) { child.await(); }) == 0);
      CHECK(count_second_throws([](const fiber<>& child) { (void)child.outcome(); }) ==
            0);
      CHECK(count_second_throws([](const fiber<>& child) { await_all(child, child); }) ==
            0);
      CHECK(count_second_throws([](const fiber<>& child) { first_of(child); }) == 0);
      CHECK(count_second_throws([](const fiber<>& child) {
              supervise({child}, {.on_error = [](const fiber_ref&, const ending&) {}});
            }) == 0);
    });
  }

  TEST_CASE(
      "R12: who is linked to a child, and done, fails with its error all the same") {
    testing::run([] {
      const auto parent = spin([] {
        link(spin_clumsy());
        yield();
      });
      CHECK_THROWS_WITH(parent.await(), "cleanup");
    });
  }

  TEST_CASE("R12: who is linked to a child, and stopped, fails with its error") {
    testing::run([] {
      const auto parent = spin([] {
        link(spin_clumsy());
        suspend();
      });
      testing::settle();
      CHECK(parent.stop("enough"));
      const auto how = parent.outcome();
      REQUIRE(how.failed());
      CHECK_THROWS_WITH(std::rethrow_exception(how.error()), "cleanup");
      CHECK(how.reason().message == "enough");
    });
  }

  TEST_CASE("R12: a link made too late leaves the child's error where it was") {
    testing::run([] {
      const auto parent = spin([] {
        const auto child = spin([] { throw std::runtime_error("early"); });
        shield([] { yield(); });
        CHECK(this_fiber::self().stop());
        CHECK_FALSE(link(child));
        suspend();
      });
      CHECK_THROWS_WITH(parent.await(), "early");
    });
  }

  TEST_CASE("R12: who monitors a child, and is done, reads no more notices") {
    testing::run([] {
      const auto parent = spin([] {
        spin_clumsy().monitor();
        yield();
      });
      CHECK_THROWS_WITH(parent.await(), "cleanup");
    });
  }

  TEST_CASE("E-17: errors of children that come all at once make a group of 1,000") {
    testing::run([] {
      const auto parent = spin([] {
        shield([] {
          for (int i = 0; i < 1'500; ++i)
            spin([i] { throw std::runtime_error(std::to_string(i)); });
          yield();
        });
      });
      try {
        parent.await();
        FAIL("1,500 errors are lost");
      } catch (const exception_group& group) {
        CHECK(group.errors().size() == exception_group::capacity);
        CHECK(group.dropped() == 500);
      }
    });
  }

  TEST_CASE("R12: an error whose restart does not come any more is in the cause") {
    testing::run([] {
      const auto boss = spin([] {
        const auto child = spin([] { throw std::runtime_error("crash"); });
        supervise({child}, {.restart = restart_policy::always, .backoff = 1h});
      });
      sleep(1s);
      CHECK(boss.stop());
      const auto how = boss.outcome();
      CHECK(how.stopped());
      REQUIRE(how.cause().errors().size() == 1);
      CHECK_THROWS_WITH(std::rethrow_exception(how.cause().errors()[0]), "crash");
    });
  }

  TEST_CASE("R12: nor is it lost while the others are stopped for the restart") {
    testing::run([] {
      const auto boss = spin([] {
        const auto slow = spin([] {
          const finally rest([] { sleep(1h); });
          suspend();
        });
        const auto child = spin([] {
          yield();
          throw std::runtime_error("crash");
        });
        supervise({slow, child}, {.restart = restart_policy::on_error,
                                  .strategy = restart_strategy::one_for_all});
      });
      sleep(1s);
      CHECK(boss.stop());
      const auto how = boss.outcome();
      CHECK(how.stopped());
      CHECK(how.cause().contains<std::runtime_error>());
    });
  }
}

}  // namespace
}  // namespace motet
