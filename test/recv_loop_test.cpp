// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/copy.hpp>
#include <motet/error.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::bytes_of;
using test::connect_pair;
using test::connect_to;
using test::listen_here;
using test::read_some;
using test::read_text;
using test::read_to_end;
using test::run_on_backend;
using test::text_of;

struct enough {};

/// Leaves a loop after the first bytes.
std::string first_of_loop(tcp::stream& from) {
  std::string first;
  try {
    from.recv_loop([&](std::span<const std::byte> data) {
      first = text_of(data);
      throw enough();
    });
  } catch (const enough&) {
  }
  return first;
}

TEST_SUITE("recv_loop: bytes that come ahead") {
  TEST_CASE("what came and was not taken is read next") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("one ");
      std::string taken;
      CHECK_THROWS_AS(far.recv_loop([&, &near = near](std::span<const std::byte> data) {
        taken += text_of(data);
        for (int i = 0; i < 30; ++i) {
          near.write("more ");
          yield();
        }
        throw enough();
      }),
                      enough);
      near.write("end");
      near.shutdown_send();
      while (taken.size() < 20)
        taken += read_some(far, 3);
      taken += first_of_loop(far);
      CHECK(testing::operations_in_flight() == 0);
      taken += read_to_end(far);
      std::string expected = "one ";
      for (int i = 0; i < 30; ++i)
        expected += "more ";
      CHECK(taken == expected + "end");
      CHECK(read_some(far).empty());
    });
  }

  TEST_CASE("who reads inside of a loop reads what follows") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      near.write("header");
      std::string rest;
      bool first = true;
      const auto client = spin([&near = near] {
        sleep(1ms);
        near.write("bodytrailer");
        near.shutdown_send();
      });
      far.recv_loop([&, &far = far](std::span<const std::byte> data) {
        if (std::exchange(first, false)) {
          CHECK(text_of(data) == "header");
          CHECK(read_text(far, 4) == "body");
        } else {
          rest += text_of(data);
        }
      });
      CHECK(rest == "trailer");
    });
  }

  TEST_CASE("closing or moving the stream inside of its loop ends the loop") {
    run_on_backend([] {
      for (const bool moves : {false, true}) {
        auto [near, far] = connect_pair();
        tcp::stream kept;
        near.write("x");
        const auto take = [&, &far = far](std::span<const std::byte>) {
          if (moves) {
            kept = std::move(far);
          } else {
            far.close();
          }
        };
        CHECK_THROWS_AS(far.recv_loop(take), std::system_error);
        if (!moves) CHECK(read_some(near).empty());
        if (!moves) continue;
        near.write("still here");
        CHECK(read_some(kept) == "still here");
      }
    });
  }

  TEST_CASE("I-08: closing the stream under recv_loop is a closed_error") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { far.recv_loop([](auto) {}); });
      yield();
      far.close();
      CHECK_THROWS_AS(reader.await(), closed_error);
      CHECK(read_some(near).empty());
    });
  }

  TEST_CASE("I-01: a cancelled recv_loop loses nothing") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      for (int i = 0; i < 100; ++i) {
        auto reader = spin([&far = far] { far.recv_loop([](auto) { FAIL("no"); }); });
        yield();
        CHECK(testing::operations_in_flight() == 1);
        reader.stop();
        CHECK(reader.outcome().stopped());
        CHECK(testing::operations_in_flight() == 0);
      }
      near.write("x");
      CHECK(read_some(far) == "x");
    });
  }

  TEST_CASE("what is left of a loop is spliced as well") {
    run_on_backend([] {
      auto [near, far] = connect_pair();
      auto [to, end] = connect_pair();
      near.write("a");
      CHECK_THROWS_AS(far.recv_loop([&near = near](auto) {
        near.write("bcd");
        yield();
        yield();
        throw enough();
      }),
                      enough);
      near.shutdown_send();
      CHECK(copy(far, to) == 3);
      to.shutdown_send();
      CHECK(read_to_end(end) == "bcd");
    });
  }

  TEST_CASE("whatever is done at whatever moment, all bytes come once and in order") {
    run_on_backend([] {
      std::mt19937 random(7);
      auto [near, far] = connect_pair();
      constexpr std::uint32_t total = 60'000;
      const auto sender = spin([&near = near] {
        std::mt19937 dice(8);
        std::uint32_t sent = 0;
        while (sent < total) {
          std::string piece(
              std::min<std::uint32_t>(static_cast<std::uint32_t>(dice()) % 9000 + 1,
                                      total - sent),
              ' ');
          for (char& each : piece)
            each = static_cast<char>(sent++ % 251);
          near.write(piece);
          if (dice() % 3 == 0) yield();
        }
        near.shutdown_send();
      });
      std::uint32_t got = 0;
      bool right = true;
      const auto take = [&](std::span<const std::byte> data) {
        for (const std::byte each : data)
          right &= static_cast<std::uint32_t>(each) == got++ % 251;
      };
      while (got < total) {
        auto reader = spin([&, &far = far, dice = random()] {
          std::vector<std::byte> room(dice % 5000 + 1);
          if (dice % 2 == 0) return take(far.read(room));
          try {
            far.recv_loop([&](std::span<const std::byte> data) {
              take(data);
              if (dice % 3 == 0) yield();
              if (dice % 5 == 0) throw enough();
            });
          } catch (const enough&) {
          }
        });
        for (auto turns = random() % 6; turns > 0; --turns)
          yield();
        reader.stop();
        (void)reader.outcome();
      }
      CHECK(right);
      CHECK(got == total);
    });
  }
}

TEST_SUITE("accept_loop: connections that come ahead") {
  /// Three more than are served.
  template <class F>
  void with_three_ahead(accept_options options, F && then) {
    tcp::listener door = listen_here();
    int served = 0;
    auto server = spin([&] {
      door.accept_loop(options, [&](tcp::stream& peer) {
        ++served;
        peer.write("served");
        sleep(1h);
      });
    });
    yield();
    std::vector<tcp::stream> clients;
    for (int i = 0; i < 4; ++i)
      clients.push_back(connect_to(door));
    while (served == 0)
      yield();
    CHECK(read_some(clients[0]) == "served");
    server.stop();
    CHECK(server.outcome().stopped());
    CHECK(served == 1);
    then(door, clients);
  }

  TEST_CASE("I-10: those that nobody serves any more are closed") {
    run_on_backend([] {
      with_three_ahead({.max_connections = 1, .grace = 1ms}, [](auto& door, auto& all) {
        CHECK(!door);
        for (tcp::stream& each : all) {
          std::error_code ec;
          std::array<std::byte, 8> room{};
          CHECK(each.read(room, ec).empty());
        }
      });
    });
  }

  TEST_CASE("those that came before a loop ended are accepted after it") {
    run_on_backend([] {
      const accept_options options{
          .max_connections = 1, .grace = 1ms, .keep_listening = true};
      with_three_ahead(options, [](tcp::listener& door, auto& all) {
        for (std::size_t i = 1; i < all.size(); ++i)
          door.accept().write("late");
        for (std::size_t i = 1; i < all.size(); ++i)
          CHECK(read_to_end(all[i]) == "late");
      });
    });
  }
}

}  // namespace
}  // namespace motet
