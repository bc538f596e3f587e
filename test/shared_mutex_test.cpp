// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <mutex>
#include <shared_mutex>
#include <stdexcept>

namespace motet {
namespace {

using test::trace;

/// Fibers that read or write for 10 ms, and tell when they begin.
struct library {
  motet::shared_mutex m;
  trace log;

  fiber<> reads(const char* name) {
    return spin([this, name] {
      const std::shared_lock held(m);
      log.at(name);
      sleep(10ms);
    });
  }
  fiber<> writes(const char* name) {
    return spin([this, name] {
      const std::unique_lock held(m);
      log.at(name);
      sleep(10ms);
    });
  }
};

TEST_SUITE("shared_mutex") {
  TEST_CASE("readers go in together, writers alone, in the order in which they came") {
    testing::run([] {
      library l;
      for (const char* name : {"r1", "r2"})
        l.reads(name);
      l.writes("w1");
      l.writes("w2");
      for (const char* name : {"r3", "r4"})
        l.reads(name);
      l.writes("w3");
      sleep(1h);
      CHECK(l.log == trace{"r1@0", "r2@0", "w1@10", "w2@20", "r3@30", "r4@30", "w3@40"});
    });
  }

  TEST_CASE("C-16: a cancelled writer stops holding up the readers behind it") {
    testing::run([] {
      library l;
      l.m.lock_shared();
      const auto w = l.writes("w");
      l.reads("r1");
      l.reads("r2");
      testing::settle();
      CHECK_FALSE(l.m.try_lock_shared());
      CHECK(l.log == trace{});
      w.stop();
      testing::settle();
      CHECK(w.outcome().stopped());
      CHECK(l.log == trace{"r1@0", "r2@0"});
      l.m.unlock_shared();
      sleep(20ms);
      CHECK(l.m.try_lock());
      l.m.unlock();
    });
  }

  TEST_CASE("C-16: a writer whose time runs out does, too") {
    testing::run([] {
      library l;
      l.m.lock_shared();
      spin([&] { CHECK_FALSE(l.m.try_lock_for(5ms)); });
      l.reads("r");
      sleep(30ms);
      l.m.unlock_shared();
      CHECK(l.log == trace{"r@5"});
      CHECK(l.m.try_lock());
      l.m.unlock();
    });
  }

  TEST_CASE(
      "C-16: a writer in front of a writer, cancelled, changes nothing for readers") {
    testing::run([] {
      library l;
      l.m.lock_shared();
      const auto first = l.writes("first");
      l.writes("second");
      l.reads("r");
      testing::settle();
      first.stop();
      testing::settle();
      CHECK(l.log == trace{});
      l.m.unlock_shared();
      sleep(1h);
      CHECK(l.log == trace{"second@0", "r@10"});
    });
  }

  TEST_CASE("a lock that was handed over and then stopped is owned, and given back") {
    trace log;
    testing::run([&] {
      motet::shared_mutex m;
      m.lock();
      const auto take = [&](auto how) {
        return spin([&, how] {
          const auto held = how();
          log("past the lock");
          checkpoint();
        });
      };
      const auto r = take([&] { return std::shared_lock(m); });
      const auto w = take([&] { return std::unique_lock(m); });
      testing::settle();
      m.unlock();
      r.stop();
      CHECK_FALSE(m.try_lock());
      testing::settle();
      CHECK(r.outcome().stopped());
      w.await();
      CHECK(m.try_lock());
      m.unlock();
    });
    CHECK(log == trace{"past the lock", "past the lock"});
  }

  TEST_CASE("timed and tried locks, shared or not") {
    trace log;
    testing::run([&] {
      motet::shared_mutex m;
      CHECK(m.try_lock_shared());
      CHECK(m.try_lock_shared_for(1ms));
      CHECK_FALSE(m.try_lock());
      CHECK_FALSE(m.try_lock_until(clock::now() + 5ms));
      m.unlock_shared();
      m.unlock_shared();
      CHECK(m.try_lock());
      CHECK_FALSE(m.try_lock_shared());
      const auto f = spin([&] {
        log.at(m.try_lock_shared_for(10ms));
        log.at(m.try_lock_shared_until(clock::now() + 20ms));
        m.unlock_shared();
      });
      sleep(20ms);
      m.unlock();
      f.await();
    });
    CHECK(log == trace{"false@15", "true@25"});
  }

  TEST_CASE("who has it for itself and asks again is told so") {
    testing::run([] {
      motet::shared_mutex m;
      m.lock();
      CHECK_THROWS_AS(m.lock(), deadlock_error);
      CHECK_THROWS_AS(m.lock_shared(), deadlock_error);
      m.unlock();
    });
    motet::shared_mutex m;
    CHECK_THROWS_AS(m.lock(), structure_error);
    CHECK(m.try_lock());
    m.unlock();
  }

  TEST_CASE("C-16: nobody is in there with a writer, wherever somebody is cancelled") {
    const auto report = testing::cancel_everywhere({.each_fiber = true}, [] {
      motet::shared_mutex m;
      int readers = 0;
      int writers = 0;
      const auto read = [&] {
        const std::shared_lock held(m);
        ++readers;
        const finally out([&] { --readers; });
        if (writers != 0) throw std::logic_error("reads while another writes");
        sleep(1ms);
      };
      const auto write = [&] {
        const std::unique_lock held(m);
        ++writers;
        const finally out([&] { --writers; });
        if (readers != 0 || writers != 1) throw std::logic_error("does not write alone");
        sleep(1ms);
      };
      with_scope([&](scope& s) {
        s.spin(read);
        s.spin(write);
        s.spin(read);
        s.spin(read);
        s.spin(write);
      });
      if (!m.try_lock()) throw std::logic_error("left locked");
    });
    CHECK(report.points >= 10);
  }
}

}  // namespace
}  // namespace motet
