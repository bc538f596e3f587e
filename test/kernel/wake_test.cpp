// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/cancel_on.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/mailbox.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/time.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace motet {
namespace {

using test::rounds;
using test::run_on_kernel;

/// An echo of one word over a connection of one's own.
bool echoes_here(const std::string& word) {
  auto [near, far] = test::connect_pair();
  auto server = spin([&far = far] { far.write(test::read_some(far)); });
  near.write(word);
  const bool right = test::read_some(near) == word;
  server.await();
  return right;
}

TEST_SUITE("kernel: waking") {
  TEST_CASE("X-01: a stop from another thread wakes a parked scheduler") {
    run_on_kernel([] {
      for (int i = 0; i < rounds / 20; ++i) {
        auto sleeper = spin([] { suspend(); });
        if (i % 2 == 0) testing::settle();
        bool changed = false;
        std::thread other([sleeper, &changed] { changed = sleeper.stop("from afar"); });
        CHECK(sleeper.outcome().stopped());
        other.join();
        CHECK(changed);
      }
    });
  }

  TEST_CASE("messages from another thread arrive, all of them and in order") {
    run_on_kernel([] {
      const fiber_ref here = this_fiber::self();
      std::thread other([here] {
        for (int i = 0; i < rounds; ++i)
          here << i;
      });
      int right = 0;
      for (int i = 0; i < rounds; ++i)
        right += receive<int>() == i ? 1 : 0;
      other.join();
      CHECK(right == rounds);
    });
  }

  TEST_CASE("two schedulers send each other a ball") {
    std::atomic<const fiber_ref*> partner{nullptr};
    int returned = 0;
    std::thread other([&] {
      run_on_kernel([&] {
        const fiber_ref self = this_fiber::self();
        partner.store(&self);
        partner.notify_one();
        const auto first = receive<fiber_ref>();
        for (int i = 0; i < rounds / 10; ++i)
          first << receive<int>() + 1;
        (void)receive<std::string>();
      });
    });
    run_on_kernel([&] {
      partner.wait(nullptr);
      const fiber_ref to = *partner.load();
      to << this_fiber::self();
      for (int i = 0; i < rounds / 10; ++i) {
        to << i;
        returned += receive<int>() == i + 1 ? 1 : 0;
      }
      to << "enough";
    });
    other.join();
    CHECK(returned == rounds / 10);
  }

  TEST_CASE("a scope is cancelled by a token that another thread holds") {
    run_on_kernel([] {
      for (int i = 0; i < rounds / 20; ++i) {
        std::stop_source source;
        std::thread other([&source] { source.request_stop(); });
        CHECK_FALSE(cancel_on(source.get_token(), [] { sleep(1h); }));
        other.join();
      }
    });
  }

  TEST_CASE("a signal handler wakes a parked scheduler") {
    test::child program([](int) {
      motet::run([] {
        // Some thread of the process gets it: this one, or the one that is parked.
        std::thread other([] { ::kill(::getpid(), SIGTERM); });
        const test::cleanup last([&] { other.join(); });
        sleep(1h);
      });
    });
    CHECK(program.wait().code == 143);
  }

  TEST_CASE("I-18: a look-up that outlives its scheduler does not disturb the next") {
    for (int i = 0; i < 5; ++i) {
      run_on_kernel([] {
        auto caller = spin([] { return tcp::connect("localhost", 1); });
        yield();
        caller.interrupt();
      });
      testing::run([] {
        test::compute(5ms);  // meanwhile the answer comes
        CHECK_THROWS_AS(suspend(), deadlock_error);
      });
    }
  }

  TEST_CASE("verbs on the fibers of a scheduler that has ended do nothing") {
    fiber_ref kept;
    run_on_kernel([&] {
      kept = spin([] { suspend(); });
      yield();
    });
    CHECK(kept.done());
    CHECK_FALSE(kept.stop());
    CHECK_FALSE(kept.raise("too late"));
    kept << 1;
    std::thread([kept] { CHECK_FALSE(kept.stop()); }).join();
  }
}

TEST_SUITE("kernel: run") {
  TEST_CASE("run may be called again and again") {
    const auto before = test::open_descriptors();
    for (int i = 0; i < 20; ++i) {
      CHECK(run_on_kernel([i] { return echoes_here(std::to_string(i)); }));
    }
    CHECK(std::string(backend_name()) == "none");
    CHECK(test::open_descriptors() == before);
  }

  TEST_CASE("run may be called on several threads at once") {
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([t, &right] {
        for (int i = 0; i < 10; ++i) {
          right += run_on_kernel([&] { return echoes_here(std::to_string(t)); }) ? 1 : 0;
        }
      });
    }
    for (std::thread& each : threads)
      each.join();
    CHECK(right == 30);
  }

  TEST_CASE("run gives back a result, or throws the error, of its main fiber") {
    CHECK(run_on_kernel([] { return 42; }) == 42);
    CHECK_THROWS_AS(run_on_kernel([] { throw std::out_of_range("far"); }),
                    std::out_of_range);
    const std::string name = run_on_kernel([] { return std::string(backend_name()); });
    CHECK((name == "uring" || name == "libev"));
  }

  TEST_CASE("run inside of a fiber is a structure_error") {
    run_on_kernel([] { CHECK_THROWS_AS(run_on_kernel([] {}), structure_error); });
  }

  TEST_CASE("sleeps never end early, and timeouts never come early") {
    run_on_kernel([] {
      for (int i = 0; i < 200; ++i) {
        const time_point start = clock::now();
        const duration span = 1us * (37 * i % 1500);
        sleep(span);
        CHECK(clock::now() - start >= span);
        test::compute(20us);
        const time_point again = clock::now();
        move_on_after(span, [] { suspend(); });
        CHECK(clock::now() - again >= span);
      }
    });
  }
}

}  // namespace
}  // namespace motet
