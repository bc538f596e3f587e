// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace motet {
namespace {

using test::trace;

TEST_SUITE("barrier") {
  TEST_CASE("fibers wait for each other at every step") {
    trace log;
    testing::run([&] {
      barrier step(3);
      with_scope([&](scope& s) {
        for (int i = 1; i <= 3; ++i) {
          s.spin([&, i] {
            for (int round = 0; round < 2; ++round) {
              sleep(i * 1ms);
              step.arrive_and_wait();
              log.at(i);
            }
          });
        }
      });
    });
    CHECK(log == trace{"3@3", "1@3", "2@3", "3@6", "1@6", "2@6"});
  }

  TEST_CASE(
      "the last to arrive completes the step, and may park at it; all others wait") {
    trace log;
    testing::run([&] {
      barrier step(2, [&]() noexcept {
        log.at("completes");
        sleep(10ms);
        log.at("completed");
      });
      with_scope([&](scope& s) {
        for (const char* name : {"a", "b"}) {
          s.spin([&, name] {
            step.arrive_and_wait();
            log.at(name);
          });
        }
      });
    });
    CHECK(log == trace{"completes@0", "completed@10", "b@10", "a@10"});
  }

  TEST_CASE("a stop does not cut the completion in half") {
    trace log;
    testing::run([&] {
      barrier step(1, [&]() noexcept {
        sleep(10ms);
        log.at("completed");
      });
      const auto f = spin([&] {
        step.arrive_and_wait();
        log("returned");
        checkpoint();
      });
      testing::settle();
      f.stop();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"completed@10", "returned"});
  }

  TEST_CASE("arriving and waiting can be apart") {
    trace log;
    testing::run([&] {
      barrier step(2);
      const auto f = spin([&] {
        const auto arrived = step.arrive();
        log("arrived");
        step.wait(arrived);
        log.at("over");
      });
      sleep(5ms);
      const auto mine = step.arrive();
      step.wait(mine);  // over already
      f.await();
    });
    CHECK(log == trace{"arrived", "over@5"});
  }

  TEST_CASE("who drops out is not expected any more") {
    trace log;
    testing::run([&] {
      barrier step(3);
      for (const char* name : {"a", "b"}) {
        spin([&, name] {
          step.arrive_and_wait();
          step.arrive_and_wait();
          log.at(name);
        });
      }
      sleep(5ms);
      step.arrive_and_drop();
      sleep(1h);
    });
    CHECK(log == trace{"b@5", "a@5"});
  }

  TEST_CASE("C-23: cancelled at entry it has not arrived, while parked it has") {
    testing::run([] {
      barrier step(2);
      const auto never = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        step.arrive_and_wait();
      });
      CHECK(never.outcome().stopped());
      const auto was_there = spin([&] { step.arrive_and_wait(); });
      testing::settle();
      was_there.interrupt();
      step.arrive_and_wait();  // the second of two
      CHECK_FALSE(move_on_after(1ms, [&] { step.arrive_and_wait(); }));
      step.arrive_and_wait();  // that counts as well
    });
  }

  TEST_CASE("C-23: a step that is complete and then a stop: the wait returns") {
    testing::run([] {
      barrier step(2);
      bool returned = false;
      const auto f = spin([&] {
        step.arrive_and_wait();
        returned = true;
        checkpoint();
      });
      testing::settle();
      step.arrive_and_wait();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(returned);
    });
  }

  TEST_CASE("outside of fibers one can arrive, not wait") {
    int completed = 0;
    barrier step(2, [&]() noexcept { ++completed; });
    const auto first = step.arrive();
    CHECK_THROWS_AS(step.wait(first), structure_error);
    step.arrive_and_drop();
    CHECK(completed == 1);
    CHECK_THROWS_AS(step.arrive_and_wait(), structure_error);
    static_cast<void>(step.arrive());
    CHECK(completed == 2);
  }
}

}  // namespace
}  // namespace motet
