// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace motet {
namespace {

using test::bytes_of;
using test::cleanup;
using test::connect_pair;
using test::connect_to;
using test::listen_here;
using test::read_some;
using test::read_text;
using test::run_on_backend;
using test::text_of;

TEST_SUITE("tcp: cancelling") {
  TEST_CASE("I-01: a cancelled read loses nothing") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { return read_some(far); });
      yield();
      CHECK(testing::operations_in_flight() == 1);
      reader.stop();
      CHECK(reader.outcome().stopped());
      CHECK(testing::operations_in_flight() == 0);
      near.write("x");
      CHECK(read_some(far) == "x");
    });
  }

  TEST_CASE("B-08: a read, write or accept in a cancelled scope does nothing") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      tcp::listener door = listen_here();
      near.write("abc");
      tcp::stream third = connect_to(door);
      int refused = 0;
      const auto expect_cancelled = [&refused](auto&& point) {
        try {
          point();
        } catch (const cancelled&) {
          ++refused;
        }
      };
      with_scope([&, &near = near, &far = far](scope& s) {
        s.cancel();
        std::error_code ec;
        std::array<std::byte, 3> room{};
        expect_cancelled([&] { read_some(far); });
        expect_cancelled([&] { (void)far.read(room, ec); });
        expect_cancelled([&] { (void)far.read_exactly(room); });
        expect_cancelled([&] { far.recv_loop([](std::span<const std::byte>) {}); });
        expect_cancelled([&] { near.write("def"); });
        expect_cancelled([&] { near.write_some(bytes_of("def")); });
        expect_cancelled([&] { near.write(std::array{bytes_of("def")}); });
        expect_cancelled([&] { door.accept(); });
        expect_cancelled([&] { connect_to(door); });
        expect_cancelled([&] { near.write(""); });
        expect_cancelled([&] { near.write({}, ec); });
        expect_cancelled(
            [&] { near.write(std::span<const std::span<const std::byte>>()); });
        expect_cancelled([&] { (void)far.read_exactly(std::span<std::byte>()); });
      });
      CHECK(refused == 13);
      near.close();
      CHECK(test::read_to_end(far) == "abc");
      door.accept().write("still here");
      CHECK(read_some(third) == "still here");
      auto fourth = move_on_after(5ms, [&] { return door.accept(); });
      CHECK_FALSE(fourth);
    });
  }

  TEST_CASE("I-03: a connection stays for the next accept if this one is cancelled") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto waiting = spin([&] { door.accept(); });
      yield();
      waiting.stop();
      CHECK(waiting.outcome().stopped());
      tcp::stream near = connect_to(door);
      door.accept().write("hello");
      CHECK(read_some(near) == "hello");
    });
  }

  TEST_CASE("I-04: a write cancelled half-way knows how much the peer will read") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const std::string much(std::size_t{64} << 20U, 'x');
      std::size_t done = 0;
      auto writer = spin([&, &near = near] { near.write(bytes_of(much), done); });
      yield();
      CHECK(read_some(far, 1000).size() == 1000);
      writer.stop();
      CHECK(writer.outcome().stopped());
      CHECK(done > 1000);
      CHECK(done < much.size());
      near.close();
      CHECK(1000 + test::count_to_end(far) == done);
    });
  }

  TEST_CASE("I-05: read_exactly cancelled half-way knows how much it has taken") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::array<std::byte, 10> room{};
      std::size_t done = 0;
      auto reader = spin([&, &far = far] { (void)far.read_exactly(room, done); });
      near.write("half");
      yield();
      yield();
      reader.stop();
      CHECK(reader.outcome().stopped());
      near.write("the rest");
      CHECK(text_of(std::span(room).first(done)) + read_text(far, 12 - done) ==
            "halfthe rest");
    });
  }

  TEST_CASE("I-07: a stream can be closed in a cancelled fiber, once") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto closer = spin([&near = near] {
        try {
          suspend();
        } catch (const cancelled&) {
          near.close();
          near.close();
          throw;
        }
      });
      yield();
      closer.stop();
      CHECK(closer.outcome().stopped());
      CHECK_FALSE(near);
      CHECK(read_some(far).empty());
    });
  }

  TEST_CASE("I-07: a stream that goes in unwinding is closed") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto owner = spin(
          [](tcp::stream& mine) {
            const tcp::stream inner = std::move(mine);
            suspend();
          },
          std::move(near));
      yield();
      owner.interrupt();
      CHECK(read_some(far).empty());
    });
  }

  TEST_CASE("I-08: closing under a reader is a closed_error there") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { return read_some(far); });
      auto reports = spin([&near = near] {
        std::error_code ec;
        std::array<std::byte, 4> room{};
        (void)near.read(room, ec);
      });
      yield();
      far.close();
      CHECK_THROWS_AS(reader.await(), closed_error);
      near.close();
      try {
        reports.await();
      } catch (const closed_error&) {  // unless it saw the peer's end first
      }
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("I-08: closing under a writer is a closed_error there") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const std::string much(std::size_t{64} << 20U, 'x');
      auto writer = spin([&, &near = near] { near.write(much); });
      yield();
      near.close();
      CHECK_THROWS_AS(writer.await(), closed_error);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("I-08: closing a listener under accept is a closed_error there") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto waiting = spin([&] { door.accept(); });
      yield();
      door.close();
      CHECK_THROWS_AS(waiting.await(), closed_error);
    });
  }

  TEST_CASE("a reader whose stream goes with its owner gets a closed_error") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::optional<tcp::stream> owned(std::move(far));
      auto reader = spin([&] { return read_some(*owned); });
      yield();
      owned.reset();
      CHECK_THROWS_AS(reader.await(), closed_error);
      CHECK(read_some(near).empty());
    });
  }

  TEST_CASE("raise ends a read once, and the next one reads on") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] {
        try {
          return read_some(far);
        } catch (const test::trouble&) {
          return "again: " + read_some(far);
        }
      });
      yield();
      reader.raise(test::trouble());
      yield();
      near.write("x");
      CHECK(reader.await() == "again: x");
    });
  }

  TEST_CASE("a shield lets a read finish, and the stop come after it") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      std::string got;
      auto reader = spin([&, &far = far] {
        got = shield([&] { return read_some(far); });
        checkpoint();
        got = "never";
      });
      yield();
      reader.stop();
      yield();
      near.write("kept");
      CHECK(reader.outcome().stopped());
      CHECK(got == "kept");
    });
  }

  TEST_CASE("a destructor may say goodbye while its fiber is being stopped") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto polite = spin([&near = near] {
        const cleanup last([&] {
          near.write("bye");
          near.close();
        });
        suspend();
      });
      yield();
      polite.interrupt();
      CHECK(test::read_to_end(far) == "bye");
    });
  }

  TEST_CASE("I-19: a timeout on a read, then the same read again, a thousand times") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(move_on_after(20us, [&far = far] { return read_some(far); }));
        const std::string text = std::to_string(i);
        near.write(text);
        CHECK(read_text(far, text.size()) == text);
      }
    });
  }

  TEST_CASE("T-29: a timeout of a fiber in a read leaves no operation in flight") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      const time_point start = clock::now();
      CHECK_FALSE(move_on_after(10ms, [&far = far] { return read_some(far); }));
      CHECK(clock::now() - start >= 10ms);
      CHECK(testing::operations_in_flight() == 0);
      CHECK(testing::armed_timers() == 0);
    });
  }
}

}  // namespace
}  // namespace motet
