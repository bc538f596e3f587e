// SPDX-License-Identifier: MIT

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <thread>

namespace motet {
namespace {

TEST_SUITE("attach_to: refusals") {
  TEST_CASE("attach_to what has ended, is ending or is its parent changes nothing") {
    testing::run([&] {
      const fiber_ref main = this_fiber::self();
      const fiber<> ended = spin([] {});
      const fiber<> c = spin([] { suspend(); });
      const fiber<> ending = spin([] {
        spin([] { shield([] { sleep(10ms); }); });
        testing::settle();
      });
      testing::settle();
      CHECK(!ended.attach_to(c));
      CHECK(!c.attach_to(ended));
      CHECK(!c.attach_to(ending));
      CHECK(!ending.attach_to(c));
      CHECK(!c.attach_to(main));
      CHECK(!c.attach_to(fiber_ref()));
      CHECK(!fiber_ref().attach_to(c));
      CHECK(c.parent() == main);
    });
  }

  TEST_CASE("what a race and its kind wait for lives nowhere else") {
    testing::run([] {
      const fiber<> other = spin([] { suspend(); });
      const auto leaves = [&] {
        this_fiber::self().attach_to(other);
        return 1;
      };
      CHECK_THROWS_AS(race(leaves, leaves), exception_group);
      CHECK_THROWS_AS(race_first(leaves), structure_error);
      CHECK_THROWS_AS(when_all(leaves), structure_error);
      const int numbers[] = {1};
      CHECK_THROWS_AS(for_each_parallel(numbers, [&](int) { leaves(); }),
                      structure_error);
      CHECK(other.children().empty());
      // What they spin themselves may go: it does not use what is theirs.
      when_all([&] { spin([] { suspend(); }).attach_to(other); });
      CHECK(other.children().size() == 1);
    });
  }

  TEST_CASE("attach_to oneself, a descendant, for main or across threads is an error") {
    testing::run([&] {
      const fiber_ref main = this_fiber::self();
      fiber<> below;
      const fiber<> c = spin([&] {
        spin([&] {
          below = spin([] { suspend(); });
          suspend();
        });
        suspend();
      });
      testing::settle();
      CHECK_THROWS_AS(c.attach_to(c), structure_error);
      CHECK_THROWS_AS(c.attach_to(below), structure_error);
      CHECK_THROWS_AS(main.attach_to(c), structure_error);
      CHECK(below.attach_to(c));
      bool refused = false;
      std::thread([&] {
        try {
          below.attach_to(main);
        } catch (const structure_error&) {
          refused = true;
        }
      }).join();
      CHECK(refused);
    });
  }
}

}  // namespace
}  // namespace motet
