// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>

namespace motet {
namespace {

using test::trace;

TEST_SUITE("semaphore") {
  TEST_CASE("no more fibers than permits have one at a time") {
    testing::run([] {
      semaphore slots(2);
      int inside = 0;
      int most = 0;
      with_scope([&](scope& s) {
        for (int i = 0; i < 7; ++i) {
          s.spin([&] {
            slots.acquire();
            most = std::max(most, ++inside);
            sleep(10ms);
            --inside;
            slots.release();
          });
        }
      });
      CHECK(most == 2);
      CHECK(slots.available() == 2);
      CHECK(test::now_in_ms() == 40);
    });
  }

  TEST_CASE("C-10: a cancelled acquire has taken no permit") {
    trace log;
    testing::run([&] {
      semaphore sem(1);
      sem.acquire();
      const auto j = spin([&] { sem.acquire(); });
      testing::settle();
      CHECK(sem.waiting() == 1);
      j.interrupt();
      CHECK(sem.waiting() == 0);
      log(sem.available());
      sem.release();
      log(sem.available());
    });
    CHECK(log == trace{"0", "1"});
  }

  TEST_CASE("C-10: a permit that was given and then the stop: acquire returns") {
    testing::run([] {
      semaphore sem(0);
      bool has = false;
      const auto j = spin([&] {
        sem.acquire();
        has = true;
        const finally back([&] { sem.release(); });
        checkpoint();
        has = false;
      });
      testing::settle();
      sem.release();
      j.stop();
      CHECK(j.outcome().stopped());
      CHECK(has);
      CHECK(sem.available() == 1);
    });
  }

  TEST_CASE("C-11: one that is stopped wakes nobody who has to wait on") {
    trace log;
    testing::run([&] {
      semaphore sem(1);
      sem.acquire();
      const auto taker = [&] {
        return spin([&] {
          sem.acquire();
          log("never");
          suspend();
        });
      };
      const auto j1 = taker();
      const auto j2 = taker();
      testing::settle();
      j2.stop();
      testing::settle();
      log(j1.done() ? "ended" : "waiting");
      j1.stop();
      testing::settle();
      CHECK(sem.available() == 0);
    });
    CHECK(log == trace{"waiting"});
  }

  TEST_CASE("C-12: the head wants five, the next wants one: cancelled, it lets that in") {
    trace log;
    testing::run([&] {
      semaphore sem(1);
      const auto head = spin([&] { sem.acquire(5); });
      const auto next = spin([&] {
        sem.acquire(1);
        log("in");
      });
      testing::settle();
      CHECK_FALSE(sem.try_acquire());  // strictly in order
      CHECK(sem.available() == 1);
      CHECK(log == trace{});
      head.stop();
      next.await();
      CHECK(sem.available() == 0);
    });
    CHECK(log == trace{"in"});
  }

  TEST_CASE("C-12: a head whose time runs out lets those behind it in, as many as fit") {
    trace log;
    testing::run([&] {
      semaphore sem(2);
      spin([&] { log.at(sem.try_acquire_for(10ms, 5)); });
      for (const char* name : {"a", "b", "c"}) {
        spin([&, name] {
          sem.acquire();
          log.at(name);
        });
      }
      sleep(20ms);
      CHECK(sem.waiting() == 1);
      sem.release();
      testing::settle();
    });
    CHECK(log == trace{"false@10", "a@10", "b@10", "c@20"});
  }

  TEST_CASE("many permits that are released at once let several in, in order") {
    trace log;
    testing::run([&] {
      semaphore sem(0);
      for (const std::size_t n : {2U, 1U, 3U}) {
        spin([&, n] {
          sem.acquire(n);
          log(n);
        });
      }
      testing::settle();
      sem.release();
      testing::settle();
      CHECK(log == trace{});
      sem.release(3);
      testing::settle();
      CHECK(log == trace{"2", "1"});
      CHECK(sem.available() == 1);
      sem.release(2);
      testing::settle();
    });
    CHECK(log == trace{"2", "1", "3"});
  }

  TEST_CASE("a free semaphore is a point all the same, and takes nothing then") {
    testing::run([] {
      semaphore sem(1);
      const auto f = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        sem.acquire();
      });
      CHECK(f.outcome().stopped());
      CHECK(sem.available() == 1);
    });
  }

  TEST_CASE("outside of fibers permits can be tried and given") {
    semaphore sem(1);
    CHECK(sem.try_acquire());
    CHECK_FALSE(sem.try_acquire());
    sem.release(2);
    CHECK(sem.available() == 2);
    CHECK_THROWS_AS(sem.acquire(), structure_error);
  }

  TEST_CASE("C-10: permits are all there in the end, wherever somebody is cancelled") {
    const auto report = testing::cancel_everywhere({.each_fiber = true}, [] {
      semaphore sem(3);
      const auto take = [&](std::size_t n) {
        return [&sem, n] {
          sem.acquire(n);
          const finally back([&] { sem.release(n); });
          sleep(1ms);
        };
      };
      with_scope([&](scope& s) {
        for (const std::size_t n : {2U, 3U, 1U})
          s.spin(take(n));
        if (sem.try_acquire_for(1ms, 2)) sem.release(2);
      });
      if (sem.available() != 3) throw std::logic_error("a permit is missing");
    });
    CHECK(report.points >= 7);
  }
}

}  // namespace
}  // namespace motet
