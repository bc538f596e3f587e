// SPDX-License-Identifier: MIT
#include "test/support/trouble.hpp"
#include "test/threads/held_job.hpp"
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <semaphore>
#include <thread>

namespace motet {
namespace {

using test::cleanup;
using test::held_job;
using test::run_for_real;
using test::trouble;

using event = std::binary_semaphore;

TEST_SUITE("threads: called back by jobs") {
  TEST_CASE("a job has its fiber do something, and gets the result") {
    run_for_real([] {
      const auto home = std::this_thread::get_id();
      const auto self = this_fiber::id();
      const int sum = blocking([&] {
        CHECK(std::this_thread::get_id() != home);
        int all = 0;
        for (int i = 0; i < 3; ++i) {
          all += in_fiber([&] {
            CHECK(std::this_thread::get_id() == home);
            CHECK(this_fiber::id() == self);
            sleep(1ms);
            return i;
          });
        }
        return all;
      });
      CHECK(sum == 3);
    });
  }

  TEST_CASE("what its fiber throws unwinds the job") {
    run_for_real([] {
      bool unwound = false;
      CHECK_THROWS_WITH_AS(blocking([&] {
                             const cleanup last([&] { unwound = true; });
                             in_fiber([] { throw trouble("in the fiber"); });
                           }),
                           "in the fiber", const trouble&);
      CHECK(unwound);
    });
  }

  TEST_CASE("a request to stop comes through to the job, and ends the fiber") {
    run_for_real([] {
      held_job held;
      bool unwound = false;
      bool said_goodbye = false;
      const auto f = spin([&] {
        blocking([&] {
          const cleanup last([&] {
            unwound = true;
            in_fiber([&] {
              sleep(1ms);  // in a shield
              said_goodbye = true;
            });
          });
          held();
          in_fiber([] { sleep(1h); });
        });
      });
      testing::settle();
      held.begun.acquire();
      f.stop();
      held.go_on.release();
      CHECK(f.outcome().stopped());
      CHECK(unwound);
      CHECK(said_goodbye);
    });
  }

  TEST_CASE("a request that arrives while the fiber is called back is not lost") {
    run_for_real([] {
      held_job held;
      int called = 0;
      const auto f = spin([&] {
        const fiber_ref self = this_fiber::self();
        blocking({.on_cancel =
                      [&] {
                        ++called;
                        held.go_on.release();
                      }},
                 [&] {
                   in_fiber([&] { self.stop(); });
                   held();
                 });
      });
      (void)f.wait();
      CHECK(called == 1);
    });
  }

  TEST_CASE("an abandoned job is refused") {
    held_job held;
    std::atomic<bool> refused = false;
    run_for_real([&] {
      const auto f = spin([&] {
        blocking(abandon_on_cancel, [&] {
          held();
          try {
            in_fiber([] {});
          } catch (const structure_error&) {
            refused = true;
          }
        });
      });
      testing::settle();
      held.begun.acquire();
      f.interrupt();
      held.go_on.release();
    });
    CHECK(refused);
  }

  TEST_CASE("outside of jobs there is nobody to call back") {
    CHECK_THROWS_AS(in_fiber([] {}), const structure_error&);
    run_for_real([] { CHECK_THROWS_AS(in_fiber([] {}), const structure_error&); });
  }
}

}  // namespace
}  // namespace motet
