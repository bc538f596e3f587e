// SPDX-License-Identifier: MIT
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::run_for_real;
using test::tracked;
using test::trouble;

TEST_SUITE("spin_thread") {
  TEST_CASE("a thread's result is awaited as a fiber's") {
    run_for_real([] {
      const auto here = std::this_thread::get_id();
      const auto f = spin_thread([here] { return std::this_thread::get_id() != here; });
      static_assert(std::is_same_v<decltype(f), const fiber<bool>>);
      CHECK(f.await());
      CHECK(*spin_thread([] { return std::make_unique<int>(3); }).await() == 3);
      int there = 0;
      CHECK(&spin_thread([&]() -> int& { return there; }).await() == &there);
      spin_thread([] { sleep(1us); }).await();
    });
  }

  TEST_CASE("arguments are lent to it, and destroyed here") {
    run_for_real([] {
      const auto f = spin_thread(
          [](tracked& mine, const std::string& text) {
            (void)mine;
            return text + "!";
          },
          tracked(), std::string("over there"));
      CHECK(f.await() == "over there!");
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("its backend is of the same kind") {
    run_for_real([] {
      const std::string here = backend_name();
      const auto f = spin_thread([] { return std::string(backend_name()); });
      CHECK(f.await() == here);
    });
  }

  TEST_CASE("fibers of the thread end before it does") {
    run_for_real([] {
      std::atomic<int> ended = 0;
      const auto f = spin_thread([&] {
        spin_daemon([&] { on_cancel([&] { ++ended; }, [] { suspend(); }); });
        spin([&] { on_cancel([&] { ++ended; }, [] { suspend(); }); });
        yield();
      });
      f.await();
      CHECK(ended == 2);
    });
  }

  TEST_CASE("X-10: an error of its main fiber is rethrown by await, others go on") {
    run_for_real([] {
      const auto fine = spin_thread([] { return receive<int>(); });
      const auto broken = spin_thread([]() -> int { throw trouble("over there"); });
      CHECK_THROWS_WITH_AS((void)broken.await(), "over there", trouble);
      fine << 5;
      CHECK(fine.await() == 5);
    });
  }

  TEST_CASE("an error that nobody awaits arrives like a child's") {
    run_for_real([] {
      const auto parent = spin([] {
        spin_thread([] { throw trouble("unasked"); });
        suspend();
      });
      CHECK_THROWS_WITH_AS(parent.await(), "unasked", trouble);
    });
  }

  TEST_CASE("X-16: to stop it stops its main fiber, which says why") {
    run_for_real([] {
      std::atomic<bool> unwound = false;
      const auto f =
          spin_thread([&] { on_cancel([&] { unwound = true; }, [] { suspend(); }); });
      while (f.state() != fiber_phase::parked)
        sleep(100us);
      const auto e = f.interrupt("enough of that");
      CHECK(e.stopped());
      CHECK(e.reason().message == "enough of that");
      CHECK(e.reason().kind == cancel_kind::stop);
      CHECK(unwound);
    });
  }

  TEST_CASE("X-16: one that is stopped before it begins never starts a thread") {
    run_for_real([] {
      std::atomic<bool> ran = false;
      const auto f = spin_thread([&] { ran = true; });
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK_FALSE(ran);
    });
  }

  TEST_CASE("a main fiber that is stopped over there makes it end stopped") {
    run_for_real([] {
      const auto f = spin_thread([] {
        this_fiber::self().stop("by itself");
        suspend();
      });
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().message == "by itself");
      f.await();  // as of any fiber that a verb has stopped
    });
  }

  TEST_CASE("a value that it returns though it was asked to stop wins") {
    run_for_real([] {
      const auto f = spin_thread([] {
        this_fiber::self() << 1;  // the mailbox is its own
        try {
          suspend();
        } catch (const cancelled&) {
        }
        return receive_all_pending<int>().size();
      });
      while (f.state() != fiber_phase::parked)
        sleep(100us);
      f.stop();
      CHECK(f.outcome().value() == 1);
    });
  }

  TEST_CASE("it can be moved on with a value, cancelled with an error, raised into") {
    run_for_real([] {
      const auto forever = [] {
        suspend();
        return 1;
      };
      const auto moved = spin_thread(forever);
      moved.move_on(2);
      CHECK(moved.await() == 2);

      const auto failed = spin_thread(forever);
      sleep(1ms);
      failed.cancel(trouble("by order"));
      CHECK_THROWS_WITH_AS((void)failed.await(), "by order", trouble);

      const auto raised = spin_thread([] {
        try {
          suspend();
        } catch (const trouble& e) {
          return std::string(e.what());
        }
        return std::string();
      });
      while (raised.state() != fiber_phase::parked)
        sleep(100us);
      raised.raise(trouble("once"));
      CHECK(raised.await() == "once");
    });
  }

  TEST_CASE("what is sent to it its main fiber receives, in order") {
    static constexpr int count = 1000;
    run_for_real([] {
      const auto f = spin_thread([] {
        int wrong = 0;
        for (int i = 0; i < count; ++i) {
          if (receive<int>() != i) ++wrong;
        }
        return wrong;
      });
      for (int i = 0; i < count; ++i) {
        f << i;
        if (i % 100 == 0) sleep(10us);
      }
      CHECK(f.await() == 0);
    });
  }

  TEST_CASE("restart ends it and begins anew, with the messages sent after that") {
    run_for_real([] {
      std::atomic<int> runs = 0;
      const auto f = spin_thread([&] {
        ++runs;
        return receive<std::string>();
      });
      while (runs == 0)
        sleep(100us);
      f.restart();
      f << "new";
      CHECK(f.await() == "new");
      CHECK(runs == 2);
    });
  }

  TEST_CASE("terminate: its stop tokens are requested at once, the stop comes later") {
    run_for_real([] {
      const auto f = spin_thread([] {
        const std::stop_token token = this_fiber::stop_token();
        while (!token.stop_requested())
          sleep(100us);
        return 7;
      });
      sleep(1ms);
      f.terminate(10s);
      CHECK(f.await() == 7);
    });
  }

  TEST_CASE("terminate: once the grace is over it is stopped") {
    run_for_real([] {
      const auto f = spin_thread([] { suspend(); });
      f.terminate(2ms);
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().kind == cancel_kind::terminate);
    });
  }

  TEST_CASE("a scope waits for its threads, and the first error stops the others") {
    run_for_real([] {
      std::atomic<int> stopped = 0;
      const auto scoped = [&] {
        with_scope([&](scope& s) {
          for (int i = 0; i < 3; ++i) {
            s.spin([&] {
              spin_thread([&] {
                on_cancel([&] { ++stopped; }, [] { suspend(); });
              }).await();
            });
          }
          spin_thread([] { throw trouble("first"); }).await();
        });
      };
      CHECK_THROWS_WITH_AS(scoped(), "first", trouble);
      CHECK(stopped == 3);
    });
  }

  TEST_CASE("threads start threads") {
    run_for_real([] {
      const auto f = spin_thread([] {
        return spin_thread([] {
                 return spin_thread([] { return 1; }).await() + 1;
               }).await() +
               1;
      });
      CHECK(f.await() == 3);
    });
  }
}

TEST_SUITE("run_threads") {
  TEST_CASE("each index once, on threads of their own") {
    std::vector<std::thread::id> threads(4);
    run_threads(4, {.signals = signal_policy::none}, [&](std::size_t i) {
      threads.at(i) = std::this_thread::get_id();
      sleep(100us);
    });
    CHECK(threads[0] == std::this_thread::get_id());
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < i; ++j)
        CHECK(threads[i] != threads[j]);
    }
  }

  TEST_CASE("the first error stops the others and is thrown") {
    std::atomic<int> stopped = 0;
    const auto f = [&](std::size_t i) {
      if (i == 2) throw trouble("in one of them");
      on_cancel([&] { ++stopped; }, [] { suspend(); });
    };
    CHECK_THROWS_WITH_AS(run_threads(3, {.signals = signal_policy::none}, f),
                         "in one of them", trouble);
    CHECK(stopped == 2);
  }

  TEST_CASE("none at all, or inside of a fiber, is an error") {
    CHECK_THROWS_AS(run_threads(0, [](std::size_t) {}), const structure_error&);
    run_for_real([] {
      CHECK_THROWS_AS(run_threads(1, [](std::size_t) {}), const structure_error&);
    });
  }
}

}  // namespace
}  // namespace motet
