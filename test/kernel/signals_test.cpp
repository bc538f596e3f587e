// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/run.hpp>
#include <motet/signals.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>
#include <motet/thread.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

namespace motet {
namespace {

using test::child;
using test::say;

std::atomic<int> heard_elsewhere{0};

/// To the process as others send it, not to the thread.
void send(int number) {
  ::kill(::getpid(), number);
}

/// What the first `count` steps through `range` are.
std::vector<int> first(std::size_t count, signals& range) {
  std::vector<int> seen;
  for (const int number : range) {
    seen.push_back(number);
    if (seen.size() == count) break;
  }
  return seen;
}

TEST_SUITE("kernel: signals as a range") {
  TEST_CASE("what comes between two steps is kept, once each, the lowest first") {
    test::run_on_kernel([] {
      signals range({SIGUSR2, SIGHUP, SIGUSR1});
      send(SIGUSR2);
      send(SIGHUP);
      send(SIGUSR2);
      CHECK(first(2, range) == std::vector{SIGHUP, SIGUSR2});
      send(SIGUSR1);
      CHECK(range.wait() == SIGUSR1);
    });
  }

  TEST_CASE("a signal wakes a thread that sleeps in the kernel") {
    test::run_on_kernel([] {
      std::thread other;
      auto sender = spin([&] { other = std::thread([] { send(SIGUSR1); }); });
      for (const int number : signals({SIGUSR1})) {
        CHECK(number == SIGUSR1);
        break;
      }
      other.join();
    });
  }

  TEST_CASE("every range gets every signal it wants, on all threads") {
    std::atomic<std::size_t> ready{0};
    std::vector<std::vector<int>> seen(2);
    run_threads(2, {.signals = signal_policy::none}, [&](std::size_t i) {
      signals mine({SIGUSR1});
      signals both({SIGUSR1, SIGUSR2});
      if (++ready == 2) {
        send(SIGUSR2);
        send(SIGUSR1);
      }
      seen[i] = first(2, both);
      seen[i].push_back(mine.wait());
    });
    for (std::vector<int>& each : seen) {
      if (each[0] == SIGUSR2) std::swap(each[0], each[1]);
      CHECK(each == std::vector{SIGUSR1, SIGUSR2, SIGUSR1});
    }
  }

  TEST_CASE("a wait that is cancelled takes no signal, one that has taken it keeps it") {
    test::run_on_kernel([] {
      signals range({SIGUSR1});
      int taken = 0;
      const auto wait_once = [&] {
        return spin([&] {
          range.wait();
          ++taken;
          range.wait();
        });
      };
      auto stopped_first = wait_once();
      yield();
      stopped_first.stop();
      send(SIGUSR1);
      static_cast<void>(stopped_first.outcome());
      CHECK(taken == 0);
      CHECK(range.wait() == SIGUSR1);
      auto signalled_first = wait_once();
      yield();
      send(SIGUSR1);
      testing::settle();
      signalled_first.stop();
      static_cast<void>(signalled_first.outcome());
      CHECK(taken == 1);
    });
  }

  TEST_CASE("several fibers share a range: one of them gets it") {
    test::run_on_kernel([] {
      signals range({SIGUSR1});
      int taken = 0;
      const auto one = spin([&] { taken += range.wait(); });
      const auto other = spin([&] { taken += range.wait(); });
      yield();
      send(SIGUSR1);
      testing::settle();
      CHECK(taken == SIGUSR1);
      CHECK(one.done() != other.done());
      send(SIGUSR1);
      testing::settle();
      CHECK((one.done() && other.done()));
    });
  }

  TEST_CASE("when the last range goes, a signal means again what it meant") {
    std::signal(SIGUSR1, [](int) { ++heard_elsewhere; });
    heard_elsewhere = 0;
    test::run_on_kernel([] {
      {
        const signals outer({SIGUSR1});
        { const signals inner({SIGUSR1}); }
        send(SIGUSR1);
        CHECK(heard_elsewhere == 0);
      }
      send(SIGUSR1);
      CHECK(heard_elsewhere == 1);
    });
    std::signal(SIGUSR1, SIG_DFL);
  }

  TEST_CASE("a signal that was ignored is heard meanwhile, and ignored again") {
    std::signal(SIGUSR1, SIG_IGN);
    test::run_on_kernel([] {
      {
        signals range({SIGUSR1});
        send(SIGUSR1);
        CHECK(range.wait() == SIGUSR1);
      }
      send(SIGUSR1);
    });
    CHECK((std::signal(SIGUSR1, SIG_DFL) == SIG_IGN));
  }

  TEST_CASE("SIGINT goes to the range, and to run when that has gone") {
    child program([](int to) {
      motet::run([to] {
        {
          signals range({SIGINT});
          for (int i = 0; i < 4; ++i) {
            say(to, "listening\n");
            range.wait();
          }
        }
        say(to, "left\n");
        suspend();
      });
    });
    for (int i = 0; i < 4; ++i) {
      REQUIRE(program.hear("listening\n"));
      program.send_signal(SIGINT);
    }
    REQUIRE(program.hear("left\n"));
    program.send_signal(SIGINT);
    CHECK(program.wait().code == 130);
  }

  TEST_CASE("some signals are no use waiting for, and outside there is nobody to wait") {
    test::run_on_kernel([] {
      for (const int number : {SIGKILL, SIGSTOP, SIGSEGV, 32, 0, -1, 65}) {
        CAPTURE(number);
        CHECK_THROWS_AS(signals({SIGUSR1, number}), std::system_error);
      }
    });
    CHECK_THROWS_AS(signals({SIGUSR1}), structure_error);
    CHECK((std::signal(SIGUSR1, SIG_DFL) == SIG_DFL));
  }

  TEST_CASE("simulated time does not wait for signals, which may come all the same") {
    testing::run([] {
      signals range({SIGUSR1});
      std::raise(SIGUSR1);
      CHECK(range.wait() == SIGUSR1);
      auto daemon = spin([&] { range.wait(); });
      sleep(24h);
      CHECK_FALSE(daemon.done());
      daemon.stop();
      static_cast<void>(daemon.outcome());
      CHECK_THROWS_AS(range.wait(), deadlock_error);
    });
  }
}

}  // namespace
}  // namespace motet
