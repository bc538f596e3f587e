// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

namespace motet {
namespace {

using test::trace;

TEST_SUITE("latch") {
  TEST_CASE("a latch is waited for until it was counted down to zero") {
    trace log;
    testing::run([&] {
      latch done(3);
      spin([&] {
        done.wait();
        log.at("waited");
      });
      sleep(1ms);
      done.count_down();
      sleep(1ms);
      CHECK_FALSE(done.try_wait());
      done.count_down(2);
      CHECK(done.try_wait());
      done.wait();
      log.at("main");
    });
    CHECK(log == trace{"main@2", "waited@2"});
  }

  TEST_CASE("who arrives last lets all go on, itself included") {
    trace log;
    testing::run([&] {
      latch all(3);
      for (int i = 1; i <= 3; ++i) {
        spin([&, i] {
          sleep(i * 1ms);
          all.arrive_and_wait();
          log.at(i);
        });
      }
      sleep(1h);
    });
    CHECK(log == trace{"3@3", "1@3", "2@3"});
  }

  TEST_CASE("C-23: cancelled at entry it has not arrived, while parked it has") {
    testing::run([] {
      latch all(2);
      const auto never = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        all.arrive_and_wait();
      });
      CHECK(never.outcome().stopped());
      const auto was_there = spin([&] { all.arrive_and_wait(); });
      testing::settle();
      was_there.interrupt();
      CHECK_FALSE(all.try_wait());
      all.count_down();
      CHECK(all.try_wait());
    });
  }

  TEST_CASE("C-23: a latch that opens and then a stop: the wait returns") {
    testing::run([] {
      latch all(1);
      bool returned = false;
      const auto f = spin([&] {
        all.wait();
        returned = true;
        checkpoint();
      });
      testing::settle();
      all.count_down();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(returned);
    });
  }

  TEST_CASE("outside of fibers a latch can be counted down, not waited for") {
    latch one(1);
    CHECK_THROWS_AS(one.wait(), structure_error);
    CHECK_THROWS_AS(one.arrive_and_wait(), structure_error);
    one.count_down();
    CHECK(one.try_wait());
  }
}

}  // namespace
}  // namespace motet
