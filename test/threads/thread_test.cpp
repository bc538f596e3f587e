// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::run_for_real;
using test::tracked;
using test::trouble;

TEST_SUITE("threads: messages") {
  TEST_CASE("messages from another thread arrive whole and in order") {
    static constexpr int count = 500;
    run_for_real([] {
      const std::jthread sender([self = this_fiber::self()] {
        for (int i = 0; i < count; ++i)
          self << i << std::to_string(i);
      });
      int wrong = 0;
      for (int i = 0; i < count; ++i) {
        if (receive<int>() != i) ++wrong;
        if (receive<std::string>() != std::to_string(i)) ++wrong;
      }
      CHECK(wrong == 0);
    });
  }

  TEST_CASE("messages from several threads: none is lost, and each keeps its order") {
    static constexpr int each = 300;
    static constexpr std::size_t threads = 4;
    run_for_real([] {
      const auto f = spin([] {
        std::vector<int> next(threads);
        int wrong = 0;
        for (std::size_t i = 0; i < each * threads; ++i) {
          const auto [thread, number] = receive<std::pair<std::size_t, int>>();
          if (next[thread]++ != number) ++wrong;
        }
        return wrong;
      });
      std::vector<std::jthread> senders;
      for (std::size_t t = 0; t < threads; ++t) {
        senders.emplace_back([f, t] {
          for (int i = 0; i < each; ++i)
            f << std::pair{t, i};
        });
      }
      CHECK(f.await() == 0);
    });
  }

  TEST_CASE("two schedulers send to each other") {
    static constexpr int rounds = 200;
    run_for_real([] {
      const std::jthread other([here = this_fiber::self()] {
        run_for_real([&] {
          here << this_fiber::self();
          for (int i = 0; i < rounds; ++i)
            here << receive<int>() + 1;
        });
      });
      const auto there = receive<fiber_ref>();
      int wrong = 0;
      for (int i = 0; i < rounds; ++i) {
        there << i;
        if (receive<int>() != i + 1) ++wrong;
      }
      CHECK(wrong == 0);
    });
  }

  TEST_CASE("messages to a scheduler that has ended are dropped and destroyed") {
    fiber_ref left;
    run_for_real([&] { left = this_fiber::self(); });
    CHECK(left.done());
    left << tracked() << 1;
    CHECK(tracked::alive() == 0);
    CHECK_FALSE(left.stop());
    CHECK_FALSE(left.raise(trouble()));
  }

  TEST_CASE("X-08: with timeouts in between every message is received once") {
    static constexpr int count = 400;
    run_for_real([] {
      const std::jthread sender([self = this_fiber::self()] {
        for (int i = 0; i < count; ++i) {
          self << i;
          if (i % 16 == 0) std::this_thread::yield();
        }
      });
      for (int expected = 0; expected < count;) {
        const auto got = move_on_after(10us, [] { return receive<int>(); });
        if (!got) continue;
        REQUIRE(*got == expected);
        ++expected;
      }
      CHECK_FALSE(try_receive<int>());
    });
  }
}

TEST_SUITE("threads: posts") {
  TEST_CASE("X-09: a storm of posts keeps the order of each thread and starves nobody") {
    static constexpr int each = 20'000;
    run_for_real([] {
      const auto sink = spin([] {
        int wrong = 0;
        std::vector<int> next(2);
        for (int i = 0; i < 2 * each; ++i) {
          const auto [thread, number] = receive<std::pair<std::size_t, int>>();
          if (next[thread]++ != number) ++wrong;
        }
        return wrong;
      });
      int ticks = 0;
      const auto ticker = spin([&] {
        while (!sink.done()) {
          sleep(100us);
          ++ticks;
        }
      });
      std::vector<std::jthread> senders;
      for (std::size_t t = 0; t < 2; ++t) {
        senders.emplace_back([sink, t] {
          for (int i = 0; i < each; ++i)
            sink << std::pair{t, i};
        });
      }
      CHECK(sink.await() == 0);
      ticker.await();
      CHECK(ticks > 1);
    });
  }

  TEST_CASE("X-09: posts after the end are refused, each of them") {
    fiber_ref left;
    run_for_real([&] { left = spin([] { yield(); }); });
    CHECK_FALSE(left.stop());
    CHECK_FALSE(left.cancel());
    CHECK_FALSE(left.terminate(1s));
    CHECK_FALSE(left.restart());
    CHECK_FALSE(left.raise("too late"));
  }

  TEST_CASE(
      "C-19: an exception that is sent is a message, one that is raised is thrown") {
    run_for_real([] {
      const auto f = spin([] {
        const auto sent = receive<std::exception_ptr>();
        CHECK_THROWS_AS(std::rethrow_exception(sent), const trouble&);
        CHECK_THROWS_WITH_AS((void)receive<int>(), "raised", trouble);
      });
      testing::settle();
      f << std::make_exception_ptr(trouble("sent"));
      f.raise(trouble("raised"));
      f.await();

      const auto g = spin([] {
        const auto sent = receive<std::exception_ptr>();
        CHECK_THROWS_AS(std::rethrow_exception(sent), const trouble&);
        CHECK_THROWS_WITH_AS((void)receive<int>(), "raised", trouble);
      });
      testing::settle();
      // Not made over there: the text is shared with what it is made from, and
      // ThreadSanitizer does not see the C++ library count who shares it.
      const auto sent = std::make_exception_ptr(trouble("sent"));
      const auto raised = std::make_exception_ptr(trouble("raised"));
      const std::jthread other([&] {
        g << sent;
        g.raise(raised);
      });
      g.await();
    });
  }
}

TEST_SUITE("threads: requests") {
  TEST_CASE("X-01, original: another thread stops a parked fiber") {
    run_for_real([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      const std::jthread stopper([f] { f.stop("from outside"); });
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().message == "from outside");
      CHECK_FALSE(e.reason().source);
    });
  }

  TEST_CASE("X-01: another scheduler's fiber stops a parked fiber") {
    run_for_real([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      const std::jthread other([f] { run_for_real([&] { f.stop("from afar"); }); });
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.reason().message == "from afar");
    });
  }

  TEST_CASE("X-02: many threads stop one fiber: it ends once") {
    run_for_real([] {
      for (int round = 0; round < 10; ++round) {
        int unwound = 0;
        const auto f = spin([&] {
          const cleanup last([&] {
            ++unwound;
            sleep(100us);
          });
          suspend();
        });
        testing::settle();
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
          threads.emplace_back([f] { f.stop(); });
        }
        CHECK(f.outcome().stopped());
        CHECK(unwound == 1);
      }
    });
  }

  TEST_CASE("X-03: stopped while it ends by itself: a value or a stop, nothing else") {
    run_for_real([] {
      std::vector<fiber<int>> fibers(300);
      for (auto& f : fibers) {
        f = spin([] {
          yield();
          yield();
          return 1;
        });
      }
      const std::jthread stopper([&, fibers] {
        for (const auto& f : fibers)
          f.stop();
      });
      int values = 0;
      int stops = 0;
      for (const auto& f : fibers) {
        const auto e = f.outcome();
        if (e.has_value()) ++values;
        if (e.stopped()) ++stops;
        CHECK_FALSE(e.failed());
      }
      CHECK(values + stops == 300);
    });
  }

  TEST_CASE("another thread raises, cancels, terminates and restarts") {
    run_for_real([] {
      const auto raised = spin([] { suspend(); });
      const auto cancelled_fiber = spin([] { suspend(); });
      const auto terminated = spin([] { suspend(); });
      const auto restarted = spin([n = 0]() mutable {
        if (++n == 1) suspend();
        return n;
      });
      testing::settle();
      const std::jthread other([=] {
        raised.raise(trouble("from outside"));
        cancelled_fiber.cancel("enough");
        terminated.terminate(1ms);
        restarted.restart();
      });
      CHECK_THROWS_WITH_AS(raised.await(), "from outside", trouble);
      CHECK_THROWS_WITH_AS(cancelled_fiber.await(), "enough", cancel_error);
      CHECK(terminated.outcome().reason().kind == cancel_kind::terminate);
      CHECK(restarted.await() == 2);
    });
  }

  TEST_CASE("X-05: a stop token that another thread requests cancels its block") {
    run_for_real([] {
      for (int i = 0; i < 20; ++i) {
        std::stop_source source;
        const std::jthread other([&] { source.request_stop(); });
        const bool done = cancel_on(source.get_token(), [] { sleep(10s); });
        CHECK_FALSE(done);
      }
    });
  }
}

TEST_SUITE("threads: time and numbers") {
  TEST_CASE("original: another thread wakes a parked fiber, again and again") {
    run_for_real([] {
      for (int i = 0; i < 20; ++i) {
        const std::jthread waker([self = this_fiber::self(), i] {
          if (i % 2 == 0) std::this_thread::yield();
          self << i;
        });
        REQUIRE(receive<int>() == i);
      }
    });
  }

  TEST_CASE("original: sleeps do not end early, however long the fiber computed before") {
    run_for_real([] {
      for (int i = 0; i < 20; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const auto busy_until = start + std::chrono::milliseconds(i % 5);
        while (std::chrono::steady_clock::now() < busy_until) {
        }
        const auto asleep = std::chrono::steady_clock::now();
        sleep(2ms);
        CHECK(std::chrono::steady_clock::now() - asleep >= 2ms);
      }
    });
  }

  TEST_CASE("X-04: a fiber stays on its thread") {
    run_for_real([] {
      const auto id = std::this_thread::get_id();
      const auto f = spin([&] {
        int elsewhere = 0;
        for (int i = 0; i < 500; ++i) {
          sleep(10us);
          if (std::this_thread::get_id() != id) ++elsewhere;
        }
        return elsewhere;
      });
      CHECK(f.await() == 0);
    });
  }
}

}  // namespace
}  // namespace motet
