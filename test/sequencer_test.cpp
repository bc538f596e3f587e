// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::trace;

TEST_SUITE("sequencer") {
  TEST_CASE("steps are taken in their order, whoever comes first") {
    trace log;
    testing::run([&] {
      testing::sequencer seq;
      const auto take = [&](std::size_t step) {
        return spin([&, step] {
          seq(step);
          log(step);
        });
      };
      await_all(take(2), take(0), take(3), take(1));
    });
    CHECK(log == trace{"0", "1", "2", "3"});
  }

  TEST_CASE("a step with a block lasts until the block is left") {
    trace log;
    testing::run([&] {
      testing::sequencer seq;
      const auto second = spin([&] { seq(1, [&] { log.at("second"); }); });
      const auto first = spin([&] {
        seq(0, [&] {
          sleep(10ms);
          log.at("first");
        });
      });
      await_all(first, second);
    });
    CHECK(log == trace{"first@10", "second@10"});
  }

  TEST_CASE("a step that is given up fails those after it") {
    trace log;
    testing::run([&] {
      testing::sequencer seq;
      const auto late = spin([&] {
        try {
          seq(2);
        } catch (const structure_error& error) {
          log(error.what());
        }
      });
      const auto given_up = spin([&] { seq(1); });
      testing::settle();
      given_up.stop();
      late.await();
    });
    CHECK(log == trace{"a step of the sequencer was given up"});
  }

  TEST_CASE("a step is taken once") {
    testing::run([] {
      testing::sequencer seq;
      seq(0);
      CHECK_THROWS_AS(seq(0), structure_error);
    });
  }

  TEST_CASE("a step looks for cancellation even if it need not wait") {
    testing::run([] {
      testing::sequencer seq;
      const auto f = spin([&] {
        this_fiber::self().stop();
        seq(0);
      });
      CHECK(f.outcome().stopped());
    });
  }
}

TEST_SUITE("counters") {
  TEST_CASE("sockets count until they are closed") {
    testing::run([] {
      CHECK(testing::open_descriptors() == 0);
      {
        const test::connection both = test::connect_pair();
        CHECK(testing::open_descriptors() == 2);
      }
      CHECK(testing::open_descriptors() == 0);
    });
  }

  TEST_CASE("messages count until they are received") {
    testing::run([] {
      const auto f = spin([] {
        (void)receive<int>();
        suspend();
      });
      f << 1 << std::string(1'000, '.');
      CHECK(testing::live_messages() == 2);
      testing::settle();
      CHECK(testing::live_messages() == 1);
      f.interrupt();
      CHECK(testing::live_messages() == 0);
    });
  }

  TEST_CASE("a stack is in use while there is a handle to its fiber") {
    testing::run([] {
      CHECK(testing::stacks_in_use() == 0);
      {
        const auto f = spin([] {});
        const auto large = spin({.stack_size = 1 << 20}, [] {});
        CHECK(testing::stacks_in_use() == 2);
        await_all(f, large);
        CHECK(testing::stacks_in_use() == 2);
      }
      CHECK(testing::stacks_in_use() == 0);
    });
  }

  TEST_CASE("a fiber that ends by what it did itself does not keep its own stack") {
    testing::run([] {
      {
        const auto f = spin([] {
          const auto child = spin([]() -> int {
            suspend();
            return 1;
          });
          testing::settle();
          child.stop();
          static_cast<void>(child.await());
        });
        static_cast<void>(f.wait());
        CHECK(testing::stacks_in_use() == 1);
      }
      CHECK(testing::stacks_in_use() == 0);
    });
  }

  TEST_CASE("a handle of an earlier run gives nothing to the pool of a later one") {
    fiber<void> kept;
    testing::run([&] { (kept = spin([] {})).await(); });
    testing::run([&] {
      kept = {};
      CHECK(testing::stacks_in_use() == 0);
    });
  }
}

}  // namespace
}  // namespace motet
