// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"

#include <motet/cancel.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>

namespace motet {
namespace {

using test::compute;
using test::connect_pair;
using test::plain_client;
using test::read_some;
using test::run_on_kernel;

void send_now(const tcp::stream& from, std::string_view text) {
  (void)::send(from.native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
}

/// Forks a child that ends at once, and waits for its end.
bool fork_and_forget() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

// Each was reproduced with the library whose ideas these are.
TEST_SUITE("kernel: what the original gets wrong") {
  TEST_CASE("original: a cancel that collides with a completed read is not lost") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      for (int i = 0; i < 300; ++i) {
        bool went_on = false;
        auto reader = spin([&, &far = far] {
          (void)read_some(far);
          sleep(1h);
          went_on = true;
        });
        testing::settle();
        // Both arrive in a busy period of two milliseconds.
        compute(1ms);
        send_now(near, "abc");
        reader.stop();
        compute(1ms);
        CHECK(reader.outcome().stopped());
        CHECK_FALSE(went_on);
      }
    });
  }

  TEST_CASE("original: a stop racing with arriving data loses no bytes") {
    run_on_kernel([] {
      for (int i = 0; i < 50; ++i) {
        auto [near, far] = connect_pair();
        std::string got;
        auto reader = spin([&, &far = far] { got = read_some(far); });
        testing::settle();
        if (i % 2 == 0) send_now(near, "abc");
        reader.stop();
        if (i % 2 == 1) send_now(near, "abc");
        (void)reader.outcome();
        near.close();
        CHECK(got + test::read_to_end(far) == "abc");
      }
    });
  }

  TEST_CASE("original: a cancelled accept leaks no descriptor") {
    run_on_kernel([] {
      tcp::listener door = test::listen_here();
      const auto before = test::open_descriptors();
      for (int i = 0; i < 20; ++i) {
        auto server = spin([&] { (void)door.accept(); });
        testing::settle();
        plain_client client(door.local().port());
        CHECK(client.connected());
        server.stop();
        (void)server.outcome();
        // The connection was accepted and closed, or waits for the next one.
        (void)move_on_after(1ms, [&] { return door.accept(); });
      }
      CHECK(test::open_descriptors() == before);
    });
  }

  TEST_CASE("original: a listener serves 50 clients at once") {
    run_on_kernel([] {
      tcp::listener door = test::listen_here();
      // Nobody accepts yet: with a backlog of 0 the second would hang here.
      std::vector<plain_client> clients;
      for (int i = 0; i < 50; ++i) {
        clients.emplace_back(door.local().port());
        CHECK(clients.back().connected());
      }
      auto server =
          spin([&] { door.accept_loop([](tcp::stream& peer) { peer.write("s"); }); });
      testing::settle();
      int served = 0;
      for (plain_client& client : clients)
        served += client.receive() == "s" ? 1 : 0;
      CHECK(served == 50);
      server.interrupt();
    });
  }

  TEST_CASE("original: fork while a fiber waits") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { return read_some(far); });
      auto sleeper = spin([] { sleep(1ms); });
      testing::settle();
      CHECK(fork_and_forget());
      CHECK_FALSE(reader.done());
      near.write("still there");
      CHECK(reader.await() == "still there");
      sleeper.await();
      CHECK(fork_and_forget());
      auto cancelled_after_fork = spin([&far = far] { return read_some(far); });
      testing::settle();
      CHECK(fork_and_forget());
      CHECK(cancelled_after_fork.interrupt().stopped());
    });
  }

  TEST_CASE("original: a wake-up from another thread arrives") {
    run_on_kernel([] {
      auto sleeper = spin([] { sleep(1h); });
      std::thread other([sleeper] { sleeper.stop(); });
      CHECK(sleeper.outcome().stopped());
      other.join();
    });
  }

  TEST_CASE("original: a timed-out read is not woken in an unrelated wait") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(move_on_after(50us, [&far = far] { return read_some(far); }));
        near.write("x");
        const time_point start = clock::now();
        sleep(200us);
        CHECK(clock::now() - start >= 200us);
        CHECK(read_some(far) == "x");
      }
    });
  }
}

}  // namespace
}  // namespace motet
