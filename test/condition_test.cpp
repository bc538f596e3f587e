// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace motet {
namespace {

using test::trace;

/// A mutex, a condition, and what happened.
struct meeting {
  mutex m;
  condition changed;
  trace log;

  /// A fiber that waits once, and says its name when it goes on.
  fiber<> waits(const char* name) {
    return spin([this, name] {
      std::unique_lock lock(m);
      changed.wait(lock);
      log(name);
      checkpoint();
    });
  }
};

TEST_SUITE("condition") {
  TEST_CASE("a condition lets one go on, or all, in the order in which they came") {
    testing::run([] {
      meeting here;
      for (const char* name : {"a", "b", "c"})
        here.waits(name);
      testing::settle();
      here.changed.notify_one();
      testing::settle();
      CHECK(here.log == trace{"a"});
      here.changed.notify_all();
      testing::settle();
      CHECK(here.log == trace{"a", "b", "c"});
      here.changed.notify_one();  // nobody is there: it is not kept
      const auto late = here.waits("d");
      testing::settle();
      CHECK_FALSE(late.done());
      late.interrupt();
    });
  }

  TEST_CASE(
      "waiting for something to be true, what is notified and is not is waited on") {
    testing::run([] {
      mutex m;
      condition changed;
      std::vector<int> jobs;
      trace log;
      const auto worker = spin([&] {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return jobs.size() == 2; });
        CHECK(lock.owns_lock());
        CHECK_FALSE(m.try_lock());
        log.at("two");
      });
      for (int i = 0; i < 2; ++i) {
        sleep(10ms);
        {
          const std::lock_guard held(m);
          jobs.push_back(i);
        }
        changed.notify_one();
      }
      worker.await();
      CHECK(log == trace{"two@20"});
    });
  }

  TEST_CASE("C-07: a cancelled wait takes its mutex again, shielded") {
    trace log;
    testing::run([&] {
      mutex m;
      condition changed;
      const auto f = spin([&] {
        std::unique_lock lock(m);
        log("fork locks");
        const finally last([&] {
          CHECK(lock.owns_lock());
          log.at("fork unlocks");
        });
        changed.wait(lock);
      });
      testing::settle();
      m.lock();
      log("main locks");
      f.stop();
      sleep(10ms);
      CHECK_FALSE(f.done());
      log("main unlocks");
      m.unlock();
      CHECK(f.outcome().stopped());
      CHECK(m.try_lock());
    });
    CHECK(log == trace{"fork locks", "main locks", "main unlocks", "fork unlocks@10"});
  }

  TEST_CASE("C-07: what is raised into a wait comes out of it with the mutex held") {
    testing::run([] {
      mutex m;
      condition changed;
      bool held = false;
      const auto f = spin([&] {
        std::unique_lock lock(m);
        try {
          changed.wait(lock);
        } catch (const std::runtime_error&) {
          held = lock.owns_lock() && !m.try_lock();
        }
      });
      testing::settle();
      m.lock();
      f.raise("now");
      sleep(1ms);
      m.unlock();
      f.await();
      CHECK(held);
    });
  }

  TEST_CASE("C-08: notified, then stopped: the wait returns") {
    testing::run([] {
      meeting here;
      const auto w1 = here.waits("w1");
      const auto w2 = here.waits("w2");
      testing::settle();
      here.changed.notify_one();
      w1.stop();
      testing::settle();
      CHECK(here.log == trace{"w1"});
      CHECK(w1.outcome().stopped());
      CHECK_FALSE(w2.done());
      w2.interrupt();
    });
  }

  TEST_CASE("C-08: stopped, then notified: the other goes on") {
    testing::run([] {
      meeting here;
      const auto w1 = here.waits("w1");
      const auto w2 = here.waits("w2");
      testing::settle();
      w1.stop();
      here.changed.notify_one();
      testing::settle();
      CHECK(w1.outcome().stopped());
      w2.await();
      CHECK(here.log == trace{"w2"});
    });
  }

  TEST_CASE("C-20: all are notified, then cancelled before they run: all see it") {
    testing::run([] {
      meeting here;
      with_scope([&](scope& s) {
        for (const char* name : {"a", "b", "c"}) {
          s.spin([&here, name] {
            std::unique_lock lock(here.m);
            here.changed.wait(lock);
            here.log(name);
            checkpoint();
            here.log("never");
          });
        }
        testing::settle();
        here.changed.notify_all();
        s.cancel();
      });
      CHECK(here.log == trace{"a", "b", "c"});
    });
  }

  TEST_CASE("a timed wait says whether it was notified, and holds the mutex either way") {
    trace log;
    testing::run([&] {
      mutex m;
      condition changed;
      std::unique_lock lock(m);
      log.at(changed.wait_for(lock, 10ms) == std::cv_status::timeout);
      CHECK(lock.owns_lock());
      spin_after(5ms, [&] { changed.notify_all(); });
      log.at(changed.wait_until(lock, clock::now() + 10ms) == std::cv_status::no_timeout);
      CHECK(lock.owns_lock());
      bool done = false;
      log.at(changed.wait_for(lock, 10ms, [&] { return done; }));
      spin_after(5ms, [&] {
        done = true;
        changed.notify_one();
      });
      log.at(changed.wait_for(lock, 1h, [&] { return done; }));
      log.at(changed.wait_until(lock, clock::now(), [] { return false; }));
    });
    CHECK(log == trace{"true@10", "true@15", "false@25", "true@30", "false@30"});
  }

  TEST_CASE("a timed wait that is over waits for the mutex, however long that takes") {
    trace log;
    testing::run([&] {
      mutex m;
      condition changed;
      const auto f = spin([&] {
        std::unique_lock lock(m);
        changed.wait_for(lock, 10ms);
        log.at("has it again");
      });
      testing::settle();
      m.lock();
      sleep(30ms);
      m.unlock();
      f.await();
    });
    CHECK(log == trace{"has it again@30"});
  }

  TEST_CASE("a wait is a point even if what is waited for is so") {
    testing::run([] {
      mutex m;
      condition changed;
      const auto f = spin({.start = start_policy::always}, [&] {
        std::unique_lock lock(m);
        this_fiber::self().stop();
        changed.wait(lock, [] { return true; });
      });
      CHECK(f.outcome().stopped());
      CHECK(m.try_lock());
    });
  }

  TEST_CASE("without its mutex nobody waits for a condition") {
    testing::run([] {
      mutex m;
      condition changed;
      std::unique_lock lock(m, std::defer_lock);
      CHECK_THROWS_AS(changed.wait(lock), structure_error);
    });
    condition changed;
    changed.notify_one();
    changed.notify_all();
  }

  TEST_CASE("C-08: nothing is lost, wherever somebody is cancelled") {
    const auto report = testing::cancel_everywhere({.each_fiber = true}, [] {
      mutex m;
      condition changed;
      int jobs = 0;
      const auto worker = [&] {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return jobs > 0; });
        --jobs;
        lock.unlock();
        sleep(1ms);
      };
      with_scope([&](scope& s) {
        s.spin_daemon(worker);
        s.spin_daemon(worker);
        for (int i = 0; i < 2; ++i) {
          const std::lock_guard held(m);
          sleep(1ms);
          ++jobs;
          changed.notify_one();
        }
        sleep(10ms);
      });
      shield([&] {
        const std::lock_guard held(m);
        if (jobs < 0) throw std::logic_error("a job done twice");
      });
    });
    CHECK(report.points >= 8);
  }
}

}  // namespace
}  // namespace motet
