// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <mutex>

namespace motet {
namespace {

using test::trace;

/// A fiber that takes the mutex, says so, and keeps it until it is stopped.
fiber<> keeper(mutex& m, trace& log, const char* name) {
  return spin([&m, &log, name] {
    const std::lock_guard held(m);
    log.at(name);
    suspend();
  });
}

TEST_SUITE("mutex") {
  TEST_CASE("fibers have a mutex one at a time, in the order in which they came") {
    trace log;
    testing::run([&] {
      mutex m;
      with_scope([&](scope& s) {
        for (const char* name : {"a", "b", "c"}) {
          s.spin([&, name] {
            const std::lock_guard held(m);
            log.at(name);
            sleep(10ms);
          });
        }
      });
    });
    CHECK(log == trace{"a@0", "b@10", "c@20"});
  }

  TEST_CASE("a mutex that was unlocked is its who waited, not a newcomer's") {
    testing::run([] {
      mutex m;
      CHECK(m.try_lock());
      trace log;
      const scoped_fiber waits(keeper(m, log, "got it"));
      testing::settle();
      m.unlock();
      CHECK_FALSE(m.try_lock());
      CHECK(log == trace{});
      testing::settle();
      CHECK(log == trace{"got it@0"});
    });
  }

  TEST_CASE("C-05: a cancelled lock is not owned, and the next waiter gets it") {
    trace log;
    testing::run([&] {
      mutex m;
      m.lock();
      const auto a = keeper(m, log, "a");
      const auto b = keeper(m, log, "b");
      testing::settle();
      a.stop();
      m.unlock();
      testing::settle();
      CHECK(a.outcome().stopped());
      CHECK_FALSE(m.try_lock());
      b.interrupt();
      CHECK(m.try_lock());
      m.unlock();
    });
    CHECK(log == trace{"b@0"});
  }

  TEST_CASE("C-06: a lock handed over and then stopped is owned, and given back later") {
    trace log;
    testing::run([&] {
      mutex m;
      m.lock();
      const auto a = keeper(m, log, "past the lock");
      testing::settle();
      m.unlock();
      a.stop();
      testing::settle();
      CHECK(a.outcome().stopped());
      CHECK(m.try_lock());
      m.unlock();
    });
    CHECK(log == trace{"past the lock@0"});
  }

  TEST_CASE("C-13: a shielded lock ignores the cancel, the next point does not") {
    trace log;
    testing::run([&] {
      mutex m;
      m.lock();
      const auto f = spin([&] {
        m.lock_shielded();
        const std::lock_guard held(m, std::adopt_lock);
        log.at("locked");
        checkpoint();
        log("never");
      });
      testing::settle();
      f.stop();
      sleep(10ms);
      CHECK_FALSE(f.done());
      m.unlock();
      CHECK(f.outcome().stopped());
      CHECK(m.try_lock());
      m.unlock();
    });
    CHECK(log == trace{"locked@10"});
  }

  TEST_CASE("C-13: a timed lock times out without losing the lock") {
    trace log;
    testing::run([&] {
      mutex m;
      m.lock();
      const auto f = spin([&] {
        log.at(m.try_lock_for(10ms));
        log.at(m.try_lock_until(clock::now() + 30ms));
        m.unlock();
      });
      sleep(20ms);
      m.unlock();
      f.await();
      CHECK(m.try_lock_for(0s));
      m.unlock();
    });
    CHECK(log == trace{"false@10", "true@20"});
  }

  TEST_CASE("C-13: given back as time runs out, the lock goes to exactly one") {
    testing::run([] {
      mutex m;
      m.lock();
      bool owned = false;
      const auto f = spin([&] { owned = m.try_lock_for(10ms); });
      sleep(10ms);
      m.unlock();
      f.await();
      CHECK(owned != m.try_lock());
    });
  }

  TEST_CASE("C-13: a timeout around a lock takes it out of the line, too") {
    testing::run([] {
      mutex m;
      m.lock();
      spin([&] { CHECK_FALSE(move_on_after(10ms, [&] { m.lock(); })); }).await();
      m.unlock();
      CHECK(m.try_lock());
    });
  }

  TEST_CASE("C-13: a timed lock can be stopped before its time is up") {
    trace log;
    testing::run([&] {
      mutex m;
      m.lock();
      const auto f = spin([&] { m.try_lock_for(1h); });
      sleep(1ms);
      f.interrupt();
      log.at("stopped");
      m.unlock();
      CHECK(m.try_lock());
    });
    CHECK(log == trace{"stopped@1"});
  }

  TEST_CASE("C-14: cancelled at the second of two locks, a scoped_lock frees the first") {
    testing::run([] {
      mutex first;
      mutex second;
      second.lock();
      const auto f = spin([&] { const std::scoped_lock both(first, second); });
      testing::settle();
      f.interrupt();
      CHECK(first.try_lock());
      first.unlock();
      second.unlock();
      CHECK(second.try_lock());
      second.unlock();
    });
  }

  TEST_CASE("C-14: scoped locks of the same two in either order do not deadlock") {
    testing::run([] {
      mutex one;
      mutex two;
      int both = 0;
      with_scope([&](scope& s) {
        for (int i = 0; i < 4; ++i) {
          s.spin([&, i] {
            mutex& a = i % 2 == 0 ? one : two;
            mutex& b = i % 2 == 0 ? two : one;
            const std::scoped_lock held(a, b);
            sleep(1ms);
            ++both;
          });
        }
      });
      CHECK(both == 4);
    });
  }

  TEST_CASE("who locks what it has is told so, and has it still") {
    testing::run([] {
      mutex m;
      std::unique_lock lock(m);
      CHECK_FALSE(m.try_lock());
      CHECK_THROWS_WITH_AS(m.lock(), doctest::Contains("mutex"), deadlock_error);
      CHECK_THROWS_AS(m.lock_shielded(), deadlock_error);
      const auto other = spin([&] { return m.try_lock(); });
      CHECK_FALSE(other.await());
      lock.unlock();
      CHECK(m.try_lock());
      m.unlock();
    });
  }

  TEST_CASE("a free mutex is a point all the same, but not for try_lock") {
    testing::run([] {
      mutex m;
      const auto f = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        CHECK(m.try_lock());
        m.unlock();
        m.lock();
      });
      CHECK(f.outcome().stopped());
      CHECK(m.try_lock());
      m.unlock();
    });
  }

  TEST_CASE("outside of fibers a mutex can be tried, not waited for") {
    mutex m;
    CHECK(m.try_lock());
    CHECK_FALSE(m.try_lock());
    m.unlock();
    CHECK_THROWS_AS(m.lock(), structure_error);
    CHECK_THROWS_AS(m.try_lock_for(1s), structure_error);
    CHECK_THROWS_AS(m.lock_shielded(), structure_error);
  }

  TEST_CASE("the dump tells who waits for a mutex, and where") {
    testing::run([] {
      mutex m;
      m.lock();
      const scoped_fiber f(spin({.name = "late"}, [&] { m.lock(); }));
      testing::settle();
      const std::string text = dump();
      CHECK(text.find("a mutex") != std::string::npos);
      CHECK(text.find("mutex_test.cpp") != std::string::npos);
    });
  }

  TEST_CASE("a mutex is handed on by destructors while a fiber unwinds") {
    trace log;
    testing::run([&] {
      mutex m;
      mutex other;
      other.lock();
      const auto f = spin([&] {
        const finally last([&] {
          const std::lock_guard held(other);  // waits, shielded, as it unwinds
          log.at("cleaned up");
        });
        const std::lock_guard held(m);
        suspend();
      });
      testing::settle();
      f.stop();
      sleep(5ms);
      CHECK(m.try_lock());
      other.unlock();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"cleaned up@5"});
  }
}

}  // namespace
}  // namespace motet
