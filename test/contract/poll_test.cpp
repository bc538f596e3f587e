// SPDX-License-Identifier: MIT
#include "backend/sim/sim_backend.hpp"
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include <sys/socket.h>

namespace motet::contract {
namespace {

backend* woken_by_signal = nullptr;

void wake_on_signal(int) {
  woken_by_signal->wake();
}

/// Waits for nothing. @returns how often the wait ended early, ten times at most: a
/// signal may do that, and so does the kernel when it clears up after an io_uring of
/// before. Who rounds down is early all the time.
int early_ends(host& on, time_point until) {
  int early = 0;
  do {
    CHECK(on->poll(until) == nullptr);
  } while (on->now() < until && ++early < 10);
  return early;
}

TEST_SUITE("contract: poll") {
  TEST_CASE("a deadline is never met early") {
    on_each_backend([](host& on) {
      // Once, so that nothing of the backend's own making ends the waits below.
      (void)on.quiet();
      int early = 0;
      for (const duration span : {1us, 50us, 200us, 1000us, 3000us})
        early += early_ends(on, on->now() + span);
      CHECK(early < 10);
    });
  }

  TEST_CASE("a deadline that has passed is not waited for") {
    on_each_backend([](host& on) {
      CHECK(on->poll(on->now()) == nullptr);
      CHECK(on->poll(on->now() - 1h) == nullptr);
      CHECK(on->poll(time_point{}) == nullptr);
    });
  }

  TEST_CASE("a wake ends the next wait, once") {
    on_each_backend([](host& on) {
      const time_point start = on->now();
      on->wake();
      on->wake();
      CHECK(on->poll(start + 1h) == nullptr);
      CHECK(on->now() < start + 1h);
      CHECK(early_ends(on, on->now() + 2ms) < 10);
      on->wake();
      CHECK(on->poll(start + 1h) == nullptr);
      CHECK(on->now() < start + 1h);
    });
  }

  TEST_CASE("another thread can wake, and what it did before is seen") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      constexpr int rounds = 2000;
      std::atomic<int> said = 0;
      std::atomic<int> heard = 0;
      std::thread other([&] {
        for (int i = 1; i <= rounds; ++i) {
          said.store(i, std::memory_order_relaxed);
          on->wake();
          while (heard.load() < i)
            std::this_thread::yield();
        }
      });
      const time_point too_late = on->now() + 20s;
      for (int i = 1; i <= rounds; ++i) {
        while (said.load(std::memory_order_relaxed) < i && on->now() < too_late)
          CHECK(on->poll(too_late) == nullptr);
        heard.store(i);
      }
      other.join();
      CHECK(on->now() < too_late);
    });
  }

  TEST_CASE("many threads waking at once lose no wake") {
    on_each_backend([](host& on) {
      std::atomic<int> running = 4;
      std::vector<std::thread> others;
      for (int i = 0; i < 4; ++i)
        others.emplace_back([&] {
          for (int round = 0; round < 5000; ++round)
            on->wake();
          --running;
          on->wake();
        });
      while (running.load() != 0)
        (void)on->poll(on->now() + 1h);
      for (std::thread& other : others)
        other.join();
      (void)on.quiet();
      CHECK(on->in_flight() == 0);
    });
  }

  TEST_CASE("a signal handler can wake and leaves errno alone") {
    on_each_backend([](host& on) {
      woken_by_signal = &*on;
      const auto before = std::signal(SIGUSR1, wake_on_signal);
      const time_point start = on->now();
      errno = EDOM;
      std::raise(SIGUSR1);
      CHECK(errno == EDOM);
      CHECK(on->poll(start + 1h) == nullptr);
      CHECK(on->now() < start + 1h);
      std::signal(SIGUSR1, before);
    });
  }

  TEST_CASE("polling without waiting still brings what others cause") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection pair = on.connect();
      std::array<std::byte, 4> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      CHECK(on.quiet());
      // Past the backend, as a stranger would.
      CHECK(::send(pair.near, "mi", 2, MSG_NOSIGNAL) == 2);
      while (!on.poll(time_point::min())) {
      }
      on.collect({&receive});
      CHECK(receive.result == 2);
    });
  }
}

TEST_SUITE("sim") {
  TEST_CASE("time starts at zero and stands still unless told to move") {
    sim_backend sim;
    CHECK(sim.now() == time_point{});
    sim.advance(3s);
    CHECK(sim.now() == time_point{3s});
    CHECK(sim.poll(time_point{5s}) == nullptr);
    CHECK(sim.now() == time_point{5s});
    CHECK(sim.poll(time_point{2s}) == nullptr);
    CHECK(sim.now() == time_point{5s});
  }

  TEST_CASE("waiting for ever for nothing returns at once") {
    sim_backend sim;
    CHECK(sim.poll(time_point::max()) == nullptr);
    CHECK(sim.now() == time_point{});
  }

  TEST_CASE("time does not pass while something is finished") {
    sim_backend sim;
    operation op{accept_request{1}};
    sim.submit(op);
    CHECK(sim.poll(time_point{5s}) == &op);
    CHECK(op.result == -EBADF);
    CHECK(sim.now() == time_point{});
  }

  TEST_CASE("all sockets are gone when all are closed") {
    auto made = std::make_unique<sim_backend>();
    sim_backend& sim = *made;
    host on(std::move(made));
    const connection pair = on.connect();
    CHECK(sim.open_descriptors() == 2);
    on.close(pair.near);
    on.close(pair.far);
    CHECK(sim.open_descriptors() == 0);
  }
}

}  // namespace
}  // namespace motet::contract
