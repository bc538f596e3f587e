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

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

namespace motet {
namespace {

using test::compute;
using test::connect_pair;
using test::plain_client;
using test::read_some;
using test::rounds;
using test::run_on_kernel;

/// What the sender has sent after so many rounds.
std::string digits(int first, int last) {
  std::string all;
  for (int i = first; i < last; ++i)
    all += std::to_string(i) + ' ';
  return all;
}

/// Sends from outside of fibers, as a peer would.
void send_now(const tcp::stream& from, std::string_view text) {
  (void)::send(from.native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
}

/// Lets others run: not at all, until they are in the kernel, or for a while. Then
/// computes.
void dawdle(int how) {
  if (how % 4 == 1) testing::settle();
  if (how % 4 == 2) sleep(1us * (how % 37));
  if (how % 4 == 3) yield();
  compute(1us * (how % 7));
}

/// A thread that runs `f(round)` whenever it is told to, at its own pace.
template <class F>
class helper_thread {
 public:
  explicit helper_thread(F f) : f_(std::move(f)), thread_([this] { work(); }) {}
  helper_thread(const helper_thread&) = delete;
  helper_thread& operator=(const helper_thread&) = delete;
  ~helper_thread() { join(); }

  void tell() {
    told_.fetch_add(1);
    told_.notify_one();
  }
  void join() {
    if (!thread_.joinable()) return;
    last_.store(true);
    tell();
    thread_.join();
  }

 private:
  void work() {
    for (int done = 0;; ++done) {
      told_.wait(done);
      if (last_.load() && told_.load() == done + 1) return;
      f_(done);
    }
  }

  F f_;
  std::atomic<int> told_{0};
  std::atomic<bool> last_{false};
  std::thread thread_;
};

TEST_SUITE("kernel: races") {
  TEST_CASE("I-01: no stop loses a byte, whenever it comes") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      helper_thread sender(
          [&near = near](int i) { send_now(near, std::to_string(i) + ' '); });
      std::string got;
      int stopped = 0;
      for (int i = 0; i < rounds; ++i) {
        auto reader = spin([&, &far = far] {
          for (;;)
            got += read_some(far);
        });
        dawdle(i);
        sender.tell();
        dawdle(i / 4);
        reader.stop();
        stopped += reader.outcome().stopped() ? 1 : 0;
      }
      sender.join();
      near.close();
      got += test::read_to_end(far);
      CHECK(stopped == rounds);
      CHECK((got == digits(0, rounds)));
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("I-01: no timeout loses a byte, whenever it comes") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      helper_thread sender(
          [&near = near](int i) { send_now(near, std::to_string(i) + ' '); });
      std::string got;
      for (int i = 0; i < rounds; ++i) {
        sender.tell();
        move_on_after(1us * (i % 50), [&, &far = far] {
          for (;;)
            got += read_some(far);
        });
      }
      sender.join();
      near.close();
      got += test::read_to_end(far);
      CHECK((got == digits(0, rounds)));
    });
  }

  TEST_CASE("I-04: no stop of a write loses count of its bytes") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      const std::string much(std::size_t{256} * 1024, 'x');
      std::size_t sent = 0;
      auto reader = spin([&far = far] { return test::count_to_end(far); });
      const int few = rounds / 10;
      for (int i = 0; i < few; ++i) {
        std::size_t done = 0;
        auto writer = spin([&, &near = near] {
          for (;;) {
            near.write(test::bytes_of(much), done);
            sent += std::exchange(done, 0);
          }
        });
        sleep(1us * (i % 37));
        writer.stop();
        CHECK(writer.outcome().stopped());
        sent += done;
      }
      near.close();
      CHECK(reader.await() == sent);
    });
  }

  TEST_CASE("no cancel that collides with a completion is lost") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      int with_bytes = 0;
      int stopped = 0;
      for (int i = 0; i < rounds; ++i) {
        bool went_on = false;
        std::string got;
        auto reader = spin([&, &far = far] {
          got = read_some(far);
          checkpoint();
          went_on = true;
        });
        testing::settle();
        // Both come about while this computes, now one first, now the other; or the bytes
        // are in the reader's hands, and it has not run yet.
        if (i % 4 == 0) send_now(near, "abc");
        if (i % 4 == 2) near.write("abc");
        compute(5us);
        reader.stop();
        if (i % 4 == 3) testing::settle();
        if (i % 2 == 1) send_now(near, "abc");
        stopped += reader.outcome().stopped() && !went_on ? 1 : 0;
        with_bytes += got == "abc" ? 1 : 0;
        if (got.empty()) got = test::read_text(far, 3);
        if (got != "abc") FAIL("lost bytes");
      }
      CHECK(stopped == rounds);
      MESSAGE(with_bytes, " reads of ", rounds, " came before their cancel");
    });
  }

  TEST_CASE("R-07: no stop of an accept loses a connection or a descriptor") {
    run_on_kernel([] {
      const auto before = test::open_descriptors();
      {
        tcp::listener door = test::listen_here();
        const std::uint16_t port = door.local().port();
        std::atomic<int> ended{0};
        int served = 0;
        int closed = 0;
        std::thread clients([&] {
          for (int i = 0; i < rounds; ++i) {
            plain_client client(port);
            (client.receive() == "s" ? served : closed) += 1;
            client.reset();
            ended.store(i + 1);
          }
        });
        for (int i = 0; ended.load() < rounds; ++i) {
          auto server = spin([&] {
            for (;;)
              door.accept().write("s");
          });
          dawdle(i);
          dawdle(i / 4);
          server.stop();
          (void)server.outcome();
        }
        clients.join();
        CHECK(served + closed == rounds);
        MESSAGE(served, " clients served, ", closed, " hung up on");
      }
      CHECK(test::open_descriptors() == before);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("R-07: no stop of accept_loop loses a connection or a descriptor") {
    run_on_kernel([] {
      const auto before = test::open_descriptors();
      {
        tcp::listener door = test::listen_here();
        const std::uint16_t port = door.local().port();
        const int few = rounds / 4;
        std::atomic<int> ended{0};
        int served = 0;
        std::thread clients([&] {
          for (int i = 0; i < few; ++i) {
            plain_client client(port);
            served += client.receive() == "s" ? 1 : 0;
            ended.store(i + 1);
          }
        });
        for (int i = 0; ended.load() < few; ++i) {
          auto server = spin([&] {
            door.accept_loop(
                {.grace = i % 2 == 0 ? duration(1h) : duration(), .keep_listening = true},
                [](tcp::stream& peer) { peer.write("s"); });
          });
          dawdle(i);
          dawdle(i / 4);
          server.stop();
          CHECK(server.outcome().stopped());
        }
        clients.join();
        CHECK(served <= few);
        MESSAGE(served, " clients of ", few, " served, the others hung up on");
      }
      CHECK(test::open_descriptors() == before);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("I-02: the kernel leaves a stack alone once its fiber was unwound") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      constexpr std::size_t frame = std::size_t{48} * 1024;
      const std::string flood(2 * frame, '\xff');
      constexpr std::byte canary{0x5a};
      int disturbed = 0;
      for (int i = 0; i < rounds; ++i) {
        auto reader = spin([&far = far] {
          std::array<std::byte, frame> room;
          (void)far.read(room);
        });
        testing::settle();
        reader.stop();
        if (i % 2 == 0) testing::settle();
        (void)::send(near.native_handle(), flood.data(), flood.size(),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)reader.outcome();
        // The next fiber runs on the stack that the reader left.
        auto watcher = spin([&] {
          std::array<std::byte, frame> room;
          std::memset(room.data(), static_cast<int>(canary), room.size());
          asm volatile("" : : "r"(room.data()) : "memory");
          testing::settle();
          asm volatile("" : : "r"(room.data()) : "memory");
          for (const std::byte b : room)
            disturbed += b != canary ? 1 : 0;
        });
        watcher.await();
        while (::recv(far.native_handle(), nullptr, flood.size(),
                      MSG_DONTWAIT | MSG_TRUNC) > 0) {
        }
      }
      CHECK(disturbed == 0);
    });
  }
}

}  // namespace
}  // namespace motet
