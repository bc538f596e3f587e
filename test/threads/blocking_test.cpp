// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"
#include "test/threads/held_job.hpp"
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <string>
#include <thread>

namespace motet {
namespace {

using test::held_job;
using test::run_for_real;
using test::trace;
using test::trouble;

using event = std::binary_semaphore;

/// Counts itself, on any thread.
class counted {
 public:
  explicit counted(std::atomic<int>& alive) noexcept : alive_(&alive) { ++*alive_; }
  counted(const counted& other) noexcept : alive_(other.alive_) { ++*alive_; }
  counted& operator=(const counted&) = delete;
  ~counted() { --*alive_; }

 private:
  std::atomic<int>* alive_;
};

TEST_SUITE("threads: blocking") {
  TEST_CASE("K-01: a fiber that is asked to stop waits for its job; the result counts") {
    run_for_real([] {
      held_job held;
      trace log;
      const auto f = spin([&] {
        log(blocking([&] {
          held();
          return 1;
        }));
        suspend();
      });
      testing::settle();
      held.begun.acquire();
      f.stop();
      testing::settle();
      CHECK_FALSE(f.done());
      held.go_on.release();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"1"});
    });
  }

  TEST_CASE("K-02: an abandoned job runs on; what it has is destroyed once, at its end") {
    std::atomic<int> alive = 0;
    std::atomic<bool> finished = false;
    held_job held;
    run_for_real([&] {
      const auto f = spin([&] {
        blocking(abandon_on_cancel, [&, captured = counted(alive)] {
          held();
          finished = true;
          return counted(alive);
        });
      });
      testing::settle();
      held.begun.acquire();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(alive == 1);
      CHECK(stats().blocking.running == 1);  // it keeps its thread
      held.go_on.release();
    });
    CHECK(finished);  // `run` waited for it
    CHECK(alive == 0);
  }

  TEST_CASE("an abandoned job that ends as it is abandoned: its result or a stop") {
    std::atomic<int> alive = 0;
    for (int round = 0; round < 300; ++round) {
      run_for_real([&] {
        bool got = false;
        const auto f = spin([&] {
          (void)blocking(abandon_on_cancel, [&] { return counted(alive); });
          got = true;
        });
        testing::settle();
        if (round % 2 == 0) std::this_thread::yield();
        f.stop();
        CHECK(f.outcome().stopped() != got);
      });
      REQUIRE(alive == 0);
    }
  }

  TEST_CASE("K-03: a queued job that is cancelled never runs") {
    run_for_real(
        [] {
          held_job first;
          bool ran = false;
          std::atomic<int> alive = 0;
          const auto busy = spin([&] { blocking([&] { first(); }); });
          const auto waits = spin([&] { blocking([&] { ran = true; }); });
          const auto owned = spin([&] {
            blocking(abandon_on_cancel, [c = counted(alive), &ran] { ran = true; });
          });
          testing::settle();
          first.begun.acquire();
          CHECK(stats().blocking.threads == 1);
          CHECK(stats().blocking.queued == 2);
          waits.stop();
          owned.stop();
          CHECK(waits.outcome().stopped());
          CHECK(owned.outcome().stopped());
          CHECK(alive == 0);
          CHECK(stats().blocking.queued == 0);
          first.go_on.release();
          busy.await();
          CHECK_FALSE(ran);
          CHECK(blocking([] { return 7; }) == 7);  // the thread is there for others
        },
        {.blocking_threads = 1});
  }

  TEST_CASE("K-04: a job sees its stop token and returns early; its result wins") {
    run_for_real([] {
      event begun(0);
      trace log;
      const auto f = spin([&] {
        log(blocking([&](std::stop_token token) {
          begun.release();
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          never.wait(lock, token, [] { return false; });
          return "returned early";
        }));
        suspend();
      });
      testing::settle();
      begun.acquire();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"returned early"});
    });
  }

  TEST_CASE("the stop token of a job is requested for what is raised, and by a grace") {
    run_for_real([] {
      std::counting_semaphore<3> begun(0);
      const auto until_told = [&begun](std::stop_token token) {
        begun.release();
        event told(0);
        const std::stop_callback tells(token, [&] { told.release(); });
        told.acquire();
      };
      const auto raised = spin([&] {
        blocking(until_told);
        CHECK_THROWS_AS(checkpoint(), const trouble&);
      });
      const auto terminated = spin([&] {
        blocking(until_told);
        return 5;
      });
      const auto left = spin([&] { blocking(abandon_on_cancel, until_told); });
      testing::settle();
      for (int i = 0; i < 3; ++i)
        begun.acquire();
      raised.raise(trouble());
      terminated.terminate(1h);
      left.stop();
      CHECK(terminated.await() == 5);
      raised.await();
      CHECK(left.outcome().stopped());
    });
  }

  TEST_CASE("K-05: cancelled before: the job is never submitted") {
    run_for_real([] {
      bool ran = false;
      const auto f = spin([&] {
        this_fiber::self().stop();
        CHECK_THROWS_AS(blocking([&] { ran = true; }), const cancelled&);
        blocking(abandon_on_cancel, [&ran] { ran = true; });
      });
      CHECK(f.outcome().stopped());
      CHECK_FALSE(ran);
      CHECK(stats().blocking.threads == 0);
    });
  }

  TEST_CASE("K-06: a job's exception is thrown where it is waited for") {
    run_for_real([] {
      CHECK_THROWS_WITH_AS(blocking([] { throw trouble("in a job"); }), "in a job",
                           const trouble&);
      CHECK_THROWS_WITH_AS(
          blocking(abandon_on_cancel, []() -> int { throw trouble("in a job"); }),
          "in a job", const trouble&);
    });
  }

  TEST_CASE("K-06: an abandoned job's exception goes to on_unhandled, once") {
    held_job held;
    int unhandled = 0;
    std::thread::id where;
    run({.signals = signal_policy::none,
         .on_unhandled =
             [&](const std::exception_ptr& error) {
               ++unhandled;
               where = std::this_thread::get_id();
               CHECK_THROWS_WITH_AS(std::rethrow_exception(error), "late",
                                    const trouble&);
             }},
        [&] {
          const auto f = spin([&] {
            blocking(abandon_on_cancel, [&] {
              held();
              throw trouble("late");
            });
          });
          testing::settle();
          held.begun.acquire();
          f.interrupt();
          held.go_on.release();
        });
    CHECK(unhandled == 1);
    CHECK(where == std::this_thread::get_id());
  }

  TEST_CASE("K-08: a cancel action runs once, when the fiber is asked; it still waits") {
    run_for_real([] {
      held_job held;
      int called = 0;
      trace log;
      const auto home = std::this_thread::get_id();
      const auto f = spin([&] {
        log(blocking({.on_cancel =
                          [&] {
                            ++called;
                            CHECK(std::this_thread::get_id() == home);
                          }},
                     [&] {
                       held();
                       return "result";
                     }));
        suspend();
      });
      testing::settle();
      held.begun.acquire();
      CHECK(called == 0);
      f.stop();
      f.raise(trouble());
      testing::settle();
      CHECK(called == 1);
      CHECK_FALSE(f.done());
      held.go_on.release();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"result"});
    });
  }

  TEST_CASE("K-08: a cancel action does not run for a job that is over or never ran") {
    run_for_real(
        [] {
          int called = 0;
          const blocking_options counts{.on_cancel = [&] { ++called; }};
          const auto over = spin([&] {
            blocking(counts, [] {});
            suspend();
          });
          held_job first;
          testing::settle();
          const auto busy = spin([&] { blocking([&] { first(); }); });
          const auto queued = spin([&] { blocking(counts, [] {}); });
          testing::settle();
          first.begun.acquire();
          queued.stop();
          over.stop();
          CHECK(queued.outcome().stopped());
          first.go_on.release();
          CHECK(over.outcome().stopped());
          busy.await();
          CHECK(called == 0);
        },
        {.blocking_threads = 1});
  }

  TEST_CASE("what is raised while a job runs is thrown after its result") {
    run_for_real([] {
      held_job held;
      trace log;
      const auto f = spin([&] {
        blocking([&] { held(); });
        log("done");
        CHECK_THROWS_AS(checkpoint(), const trouble&);
        checkpoint();
      });
      testing::settle();
      held.begun.acquire();
      f.raise(trouble());
      held.go_on.release();
      f.await();
      CHECK(log == trace{"done"});
    });
  }

  TEST_CASE("no thread is left when the scheduler has ended") {
    for (int round = 0; round < 3; ++round) {
      run_for_real([] {
        with_scope([](scope& s) {
          for (int i = 0; i < 8; ++i)
            s.spin([] { blocking([] { std::this_thread::yield(); }); });
        });
        CHECK(stats().blocking.threads > 0);
        CHECK(stats().blocking.running == 0);
      });
    }
  }

  TEST_CASE("two schedulers share the pool, which is as large as the larger wish") {
    held_job both[2];
    std::jthread other([&] {
      run_for_real([&] { blocking([&] { both[1](); }); }, {.blocking_threads = 2});
    });
    run_for_real(
        [&] {
          both[1].begun.acquire();
          const auto f = spin([&] { blocking([&] { both[0](); }); });
          testing::settle();
          both[0].begun.acquire();  // though this scheduler wants one thread only
          CHECK(stats().blocking.running == 2);
          both[0].go_on.release();
          both[1].go_on.release();
          f.await();
        },
        {.blocking_threads = 1});
  }

  TEST_CASE("jobs run in the order in which they come") {
    run_for_real(
        [] {
          std::string order;
          with_scope([&](scope& s) {
            for (char c = 'a'; c <= 'j'; ++c)
              s.spin([&order, c] { blocking([&order, c] { order += c; }); });
          });
          CHECK(order == "abcdefghij");
          CHECK(stats().blocking.longest_wait > 0ns);
        },
        {.blocking_threads = 1});
  }
}

}  // namespace
}  // namespace motet
