// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/fiber.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/thread.hpp>
#include <motet/time.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace motet {
namespace {

using test::child;
using test::cleanup;
using test::death;
using test::say;

/// Says "ready", and waits to be stopped; its destructors say so.
void wait_for_signal(int to) {
  motet::run([to] {
    const cleanup main_left([to] { say(to, "main left\n"); });
    auto worker = spin([to] {
      const cleanup worker_left([to] { say(to, "worker left\n"); });
      suspend();
    });
    yield();
    say(to, "ready\n");
    worker.await();
  });
  say(to, "never said\n");
}

/// As a program that computes, and only looks up from time to time.
void compute_for_ever(int to) {
  motet::run([to] {
    const cleanup main_left([to] { say(to, "main left\n"); });
    auto worker = spin([] {
      for (;;)
        yield();
    });
    say(to, "ready\n");
    for (;;)
      checkpoint();
  });
}

/// Goes on cleaning up for ever.
void clean_for_ever(int to) {
  motet::run([to] {
    say(to, "ready\n");
    try {
      suspend();
    } catch (const cancelled& c) {
      say(to, "first: " + c.reason().message + "\n");
      shield([] { suspend(); });
    }
  });
}

/// Says "first" once the main fiber was asked to stop.
auto tell_of_stop(int to) {
  return [main = this_fiber::self(), to] {
    shield([&] {
      while (!main.cancel_requested())
        sleep(1ms);
    });
    say(to, "first\n");
  };
}

/// Ends a fiber that is given an hour's grace, where the stop of main does not reach it.
void grant_an_hour(int to) {
  motet::run([to] {
    auto watcher = spin(tell_of_stop(to));
    shield([&] {
      with_scope([&](scope& s) {
        auto slow = s.spin([to] {
          const cleanup left([to] { say(to, "slow left\n"); });
          say(to, "ready\n");
          suspend();
        });
        yield();
        slow.terminate(1h);
      });
    });
    checkpoint();
  });
}

/// Fibers that await each other, the innermost of which waits.
void await_in_a_row(int to) {
  motet::run([to] {
    auto outer = spin([to] {
      const cleanup left([to] { say(to, "1 left\n"); });
      auto middle = spin([to] {
        const cleanup mine_left([to] { say(to, "2 left\n"); });
        auto inner = spin([to] {
          try {
            say(to, "ready\n");
            suspend();
          } catch (const cancelled& c) {
            say(to, "3 interrupted by " + c.reason().message + "\n");
            throw;
          }
        });
        inner.await();
      });
      middle.await();
    });
    outer.await();
  });
}

/// Two schedulers, each with a fiber that waits.
void run_two_threads(int to) {
  run_threads(2, [to](std::size_t i) {
    const cleanup left([to, i] { say(to, "thread " + std::to_string(i) + " left\n"); });
    if (i == 1) say(to, "ready\n");
    suspend();
  });
}

/// Serves a peer that never leaves, with an hour to do so.
void drain_for_an_hour(int to) {
  motet::run([to] {
    tcp::listener door = tcp::listen("127.0.0.1", 0);
    auto watcher = spin(tell_of_stop(to));
    auto peer = spin([&door, to] {
      tcp::stream mine = tcp::connect("127.0.0.1", door.local().port());
      say(to, "ready\n");
      shield([] { suspend(); });
    });
    door.accept_loop({.grace = 1h}, [to](tcp::stream&) {
      const cleanup left([to] { say(to, "peer left\n"); });
      suspend();
    });
  });
}

TEST_SUITE("kernel: signals") {
  TEST_CASE("SIGTERM stops the main fiber, destructors run, and the exit code is 143") {
    child program(&wait_for_signal);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    const death how = program.wait();
    CHECK(how.signal == 0);
    CHECK(how.code == 143);
    CHECK(how.said == "worker left\nmain left\n");
  }

  TEST_CASE("SIGINT does the same, with exit code 130") {
    child program(&wait_for_signal);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    const death how = program.wait();
    CHECK(how.signal == 0);
    CHECK(how.code == 130);
    CHECK(how.said == "worker left\nmain left\n");
  }

  TEST_CASE("X-12: fibers that await each other end from the inside out") {
    child program(&await_in_a_row);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    const death how = program.wait();
    CHECK(how.code == 130);
    CHECK(how.said == "3 interrupted by SIGINT\n2 left\n1 left\n");
  }

  TEST_CASE("a signal stops the schedulers of all threads") {
    child program(&run_two_threads);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    const death how = program.wait();
    CHECK(how.signal == 0);
    CHECK(how.code == 143);
    CHECK(how.said.find("thread 0 left\n") != std::string::npos);
    CHECK(how.said.find("thread 1 left\n") != std::string::npos);
  }

  TEST_CASE("X-13: a signal reaches fibers that never wait") {
    child program(&compute_for_ever);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    const death how = program.wait();
    CHECK(how.code == 130);
    CHECK(how.said == "main left\n");
  }

  TEST_CASE("X-14: the third signal ends a program whose cleanup does not end") {
    child program(&clean_for_ever);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    REQUIRE(program.hear("first: SIGINT\n"));
    while (!program.ended())
      program.send_signal(SIGINT);
    const death how = program.wait();
    CHECK(how.signal == 0);
    CHECK(how.code == 130);
  }

  TEST_CASE("X-14: the second signal tells who is in the way") {
    child program(&clean_for_ever);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    REQUIRE(program.hear("first: SIGINT\n"));
    program.send_signal(SIGTERM);
    CHECK(program.hear("main"));
    program.send_signal(SIGTERM);
    CHECK(program.wait().code == 143);
  }

  TEST_CASE("X-14: the second signal cuts the grace of terminate short") {
    child program(&grant_an_hour);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    REQUIRE(program.hear("first\n"));
    program.send_signal(SIGTERM);
    CHECK(program.hear("slow left\n"));
    CHECK(program.wait().code == 143);
  }

  TEST_CASE("X-14: the second signal cuts the grace of accept_loop short") {
    child program(&drain_for_an_hour);
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    REQUIRE(program.hear("first\n"));
    program.send_signal(SIGTERM);
    CHECK(program.hear("peer left\n"));
    program.send_signal(SIGTERM);  // the client is shielded for ever
    CHECK(program.wait().code == 143);
  }

  TEST_CASE("a signal that was ignored stays ignored") {
    child program([](int to) {
      std::signal(SIGINT, SIG_IGN);
      wait_for_signal(to);
    });
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGINT);
    program.send_signal(SIGTERM);
    CHECK(program.wait().code == 143);
  }

  TEST_CASE("what signals did before comes back when run ends") {
    child program([](int to) {
      motet::run([] { yield(); });
      say(to, "ready\n");
      for (;;)
        ::pause();
    });
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    CHECK(program.wait().signal == SIGTERM);
  }

  TEST_CASE("a main fiber that returns all the same ends the program as it likes") {
    child program([](int to) {
      const int code = motet::run([to] {
        say(to, "ready\n");
        try {
          suspend();
        } catch (const cancelled&) {
        }
        return 7;
      });
      std::exit(code);
    });
    REQUIRE(program.hear("ready\n"));
    program.send_signal(SIGTERM);
    CHECK(program.wait().code == 7);
  }
}

}  // namespace
}  // namespace motet
