// SPDX-License-Identifier: MIT
#include "test/support/trouble.hpp"
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::run_for_real;
using namespace std::string_literals;
using test::trouble;

TEST_SUITE("threads: waiting") {
  TEST_CASE("a fiber of another thread is awaited: value, error, stop") {
    run_for_real([] {
      const auto value = spin([] {
        sleep(200us);
        return "here"s;
      });
      const auto error = spin([]() -> int {
        sleep(200us);
        throw trouble("from here");
      });
      error.monitor();  // or it might be ours
      const auto stopped = spin([] { suspend(); });
      const auto there = spin_thread([=] {
        CHECK(value.await() == "here");
        CHECK_THROWS_WITH_AS((void)error.await(), "from here", trouble);
        const auto e = stopped.interrupt("from there");
        CHECK(e.stopped());
        CHECK(e.reason().message == "from there");
        CHECK(value.await() == "here");  // which has ended long ago
      });
      there.await();
      CHECK(error.outcome().failed());
    });
  }

  TEST_CASE("who awaits a fiber of another thread gets its error, not its parent") {
    run_for_real([] {
      const auto there = spin_thread([] {
        const auto who = receive<fiber<int>>();
        CHECK_THROWS_AS((void)who.await(), const trouble&);
      });
      const auto failing = spin([]() -> int {
        (void)receive<std::string>();
        throw trouble("late");
      });
      there << failing;
      sleep(2ms);  // it waits by now; if not, the error would be ours
      failing << "go";
      try {
        there.await();
      } catch (const trouble&) {
        CHECK_FALSE(there.done());
        there.await();
      }
    });
  }

  TEST_CASE("a value that can only be moved goes to one of many threads") {
    run_for_real([] {
      for (int round = 0; round < 20; ++round) {
        const auto f = spin([] {
          sleep(50us);
          return std::make_unique<int>(1);
        });
        std::atomic<int> taken = 0;
        std::atomic<int> late = 0;
        const auto take = [&, f] {
          try {
            taken += *f.await();
          } catch (const structure_error&) {
            ++late;
          }
        };
        const auto a = spin_thread(take);
        const auto b = spin_thread(take);
        a.await();
        b.await();
        CHECK(taken == 1);
        CHECK(late == 1);
      }
    });
  }

  TEST_CASE(
      "a wait for a fiber of another thread is cut short by a stop and a deadline") {
    run_for_real([] {
      const auto f = spin([] { suspend(); });
      const auto there = spin_thread([f] {
        CHECK_FALSE(move_on_after(200us, [&] { f.await(); }));
        const auto waiting = spin([&] { f.await(); });
        testing::settle();
        CHECK(waiting.interrupt().stopped());
        CHECK_FALSE(f.done());
      });
      there.await();
      f.stop();
    });
  }

  TEST_CASE("groups of fibers of several threads: all, the first, a failure") {
    run_for_real([] {
      const auto slow = spin([] { suspend(); });
      const auto quick = spin([] { sleep(1ms); });
      const auto bad = spin([] {
        sleep(1ms);
        throw trouble("one of them");
      });
      bad.monitor();  // or it might be ours
      const auto there = spin_thread([=] {
        const auto own = spin([] { suspend(); });
        CHECK(first_of(slow, own, quick) == 2);
        CHECK_THROWS_AS((void)await_all(own, slow, bad), const trouble&);
        CHECK(own.done());
        CHECK(slow.done());  // as the others were stopped
      });
      there.await();
      CHECK(bad.outcome().failed());
    });
  }

  TEST_CASE("interrupt_all stops and awaits fibers of another thread") {
    run_for_real([] {
      std::vector<fiber_ref> fibers;
      for (int i = 0; i < 20; ++i)
        fibers.push_back(spin([] { suspend(); }));
      spin_thread([fibers] {
        interrupt_all(fibers);
        for (const auto& f : fibers)
          CHECK(f.done());
      }).await();
    });
  }

  TEST_CASE("a scoped_fiber ends one of another thread") {
    run_for_real([] {
      const auto f = spin([] { suspend(); });
      spin_thread([f] {
        { const scoped_fiber owner(f); }
        CHECK(f.done());
      }).await();
    });
  }

  TEST_CASE("the main fiber of another thread is waited for") {
    run_for_real([] {
      std::optional<fiber_ref> main;
      std::jthread other;
      const auto me = this_fiber::self();
      other = std::jthread([me] {
        run_for_real([me] {
          me << this_fiber::self();
          CHECK(receive<std::string>() == "end");
        });
      });
      main = receive<fiber_ref>();
      CHECK_FALSE(move_on_after(200us, [&] { (void)main->wait(); }));
      *main << "end";
      CHECK_FALSE(main->wait().stopped());
    });
  }

  TEST_CASE("throw_to waits until the other thread has thrown it") {
    run_for_real([] {
      std::atomic<int> caught = 0;
      const auto f = spin([&] {
        for (;;) {
          try {
            suspend();
          } catch (const trouble&) {
            ++caught;
          }
        }
      });
      const auto shielded = spin([] { shield([] { (void)receive<int>(); }); });
      spin_thread([&, f, shielded] {
        CHECK(f.throw_to(trouble("one")));
        while (caught == 0)
          yield();
        // What is taken back is not thrown.
        CHECK_FALSE(move_on_after(500us, [&] { shielded.throw_to(trouble("two")); }));
        shielded << 1;
        CHECK_FALSE(shielded.wait().failed());
        CHECK_FALSE(shielded.throw_to(trouble("late")));
      }).await();
      f.stop();
    });
  }

  TEST_CASE("a fiber of another thread is monitored") {
    run_for_real([] {
      const auto f = spin([] { suspend(); });
      const auto there = spin_thread([f] {
        CHECK(f.monitor());
        f.stop("watched");
        const auto notice = receive<ended>();
        CHECK(notice.who == f);
        CHECK(notice.how.stopped());
        CHECK_FALSE(f.monitor());
      });
      there.await();
      const auto short_lived = spin([] { sleep(100us); });
      spin_thread([short_lived] {
        if (short_lived.monitor()) (void)receive<ended>();
      }).await();
    });
  }

  TEST_CASE("X-02: eight threads stop and await one fiber, all see the same end") {
    run_for_real([] {
      for (int round = 0; round < 10; ++round) {
        const auto f = spin([] { suspend(); });
        std::vector<fiber<std::string>> threads;
        for (int i = 0; i < 8; ++i) {
          threads.push_back(spin_thread([f, i] {
            const auto e = f.interrupt("by " + std::to_string(i));
            return e.stopped() ? e.reason().message : "not stopped"s;
          }));
        }
        const std::string first = threads[0].await();
        CHECK(first.starts_with("by "));
        for (const auto& t : threads)
          CHECK(t.await() == first);
      }
    });
  }

  TEST_CASE("X-11: a scope is spun into, cancelled and failed from its own thread only") {
    run_for_real([] {
      with_scope([](scope& s) {
        spin_thread([&s] {
          CHECK_THROWS_AS(s.spin([] {}), const structure_error&);
          CHECK_THROWS_AS(s.cancel(), const structure_error&);
          CHECK_THROWS_AS(s.fail(trouble()), const structure_error&);
        }).await();
        const auto name = s.ref();
        spin_thread([name] { CHECK(name.cancel("by name")); }).await();
        suspend();
      });
    });
  }
}

}  // namespace
}  // namespace motet
