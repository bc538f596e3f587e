// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::connect_to;
using test::listen_here;
using test::read_some;
using test::read_text;
using test::read_to_end;
using test::run_on_backend;
using test::tracked;
using test::trouble;

void echo(tcp::stream& peer) {
  peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
}

/// Says `text` and hears it back.
bool echoes(tcp::stream& with, const std::string& text) {
  with.write(text);
  return read_text(with, text.size()) == text;
}

TEST_SUITE("tcp: accept") {
  TEST_CASE("a connection that came just before its listener was closed is closed") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      bool closed = false;
      auto accepting = spin([&] {
        try {
          (void)door.accept();
        } catch (const closed_error&) {
          closed = true;
        }
      });
      yield();
      // Told of in one turn with the connection's other end, whose fiber runs first.
      tcp::stream near = connect_to(door);
      door.close();
      accepting.await();
      if (!closed) return;  // it ran first
      std::error_code ec;
      std::byte room[1];
      CHECK(near.read(room, ec).empty());
    });
  }
}

TEST_SUITE("tcp: accept_loop") {
  TEST_CASE("accept_loop serves each peer in a fiber of its own") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto server = spin([&] { door.accept_loop(&echo); });
      tcp::stream one = connect_to(door);
      tcp::stream two = connect_to(door);
      tcp::stream three = connect_to(door);
      CHECK(echoes(three, "third"));
      CHECK(echoes(one, "first"));
      one.close();
      CHECK(echoes(two, "second"));
      CHECK(echoes(three, "third again"));
      CHECK(server.interrupt().stopped());
    });
  }

  TEST_CASE("a peer's fiber that is stopped before it began makes room for the next") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto server = spin([&] { door.accept_loop({.max_connections = 1}, &echo); });
      // Always in the run queue, so that it runs before the peer's fiber can.
      auto witness = spin([&] {
        while (server.children().empty())
          yield();
        const fiber_ref peer = server.children().front();
        CHECK(peer.state() == fiber_phase::fresh);
        CHECK(peer.stop());
      });
      tcp::stream one = connect_to(door);
      witness.await();
      CHECK(read_to_end(one).empty());
      tcp::stream two = connect_to(door);
      CHECK(echoes(two, "second"));
    });
  }

  TEST_CASE("a peer's fiber that is run again leaves once") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto server = spin([&] { door.accept_loop({.max_connections = 1}, &echo); });
      tcp::stream one = connect_to(door);
      CHECK(echoes(one, "first"));
      server.children().front().restart();
      CHECK(echoes(one, "first again"));
      one.close();
      tcp::stream two = connect_to(door);
      CHECK(echoes(two, "second"));
    });
  }

  TEST_CASE("handlers take the stream by reference, by value, or by any type") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      const auto served_by = [&door](auto handler) {
        auto server = spin([&] { door.accept_loop(handler); });
        tcp::stream near = connect_to(door);
        const std::string all = read_to_end(near);
        server.interrupt();
        return all;
      };
      CHECK(served_by([](tcp::stream& peer) { peer.write("&"); }) == "&");
      CHECK(served_by([](tcp::stream peer) { peer.write("value"); }) == "value");
      CHECK(served_by([](tcp::stream&& peer) { peer.write("&&"); }) == "&&");
      CHECK(served_by([](auto& peer) { peer.write("auto&"); }) == "auto&");
      CHECK(served_by([](auto peer) { peer.write("auto"); }) == "auto");
      CHECK(served_by([](auto&& peer) { peer.write("auto&&"); }) == "auto&&");
    });
  }

  TEST_CASE("a handler may keep the stream of its peer") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      std::vector<tcp::stream> kept;
      auto server = spin([&] {
        door.accept_loop([&](tcp::stream p) { kept.push_back(std::move(p)); });
      });
      tcp::stream near = connect_to(door);
      while (kept.empty())
        yield();
      server.interrupt();
      kept.front().write("still open");
      CHECK(read_some(near) == "still open");
    });
  }

  TEST_CASE("one peer's error stays its own, and on_error gets it") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      std::vector<std::string> errors;
      const tcp::accept_options options{
          .on_error = [&](std::exception_ptr e) { errors.push_back(describe(e)); }};
      auto server = spin([&] {
        door.accept_loop(options, [](tcp::stream& peer) {
          if (read_text(peer, 1) == "!") throw trouble("one peer's trouble");
          echo(peer);
        });
      });
      tcp::stream good = connect_to(door);
      tcp::stream bad = connect_to(door);
      good.write("g");
      CHECK(echoes(good, "before"));
      bad.write("!");
      CHECK(read_to_end(bad).empty());
      CHECK(errors == std::vector<std::string>{"one peer's trouble"});
      CHECK(echoes(good, "after"));
      CHECK(server.interrupt().stopped());
    });
  }

  TEST_CASE("by default broken connections are passed over, other errors are told") {
    std::vector<std::string> told;
    const run_options options{
        .signals = signal_policy::none,
        .on_unhandled = [&](std::exception_ptr e) { told.push_back(describe(e)); }};
    motet::run(options, [] {
      tcp::listener door = listen_here();
      int served = 0;
      auto server = spin([&] {
        door.accept_loop([&](tcp::stream& peer) {
          ++served;
          if (read_text(peer, 1) == "!") throw trouble("unexpected");
          peer.write("never read");
          (void)read_some(peer);
        });
      });
      tcp::stream breaks = connect_to(door);
      breaks.write("b");
      (void)read_text(breaks, 1);
      breaks.close();
      tcp::stream bad = connect_to(door);
      bad.write("!");
      CHECK(read_to_end(bad).empty());
      CHECK(served == 2);
      CHECK(server.interrupt().stopped());
    });
    CHECK(told == std::vector<std::string>{"unexpected"});
  }

  TEST_CASE("no more peers are served at a time than max_connections says") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      std::size_t active = 0;
      std::size_t most = 0;
      auto server = spin([&] {
        door.accept_loop({.max_connections = 2}, [&](tcp::stream& peer) {
          most = std::max(most, ++active);
          const test::cleanup leave([&] { --active; });
          echo(peer);
        });
      });
      tcp::stream one = connect_to(door);
      tcp::stream two = connect_to(door);
      tcp::stream three = connect_to(door);
      three.write("waits");
      CHECK(echoes(one, "1"));
      CHECK(echoes(two, "2"));
      CHECK(active == 2);
      CHECK_FALSE(move_on_after(5ms, [&] { return read_some(three); }));
      one.close();
      CHECK(read_text(three, 5) == "waits");
      CHECK(most == 2);
      server.interrupt();
      CHECK(active == 0);
    });
  }

  TEST_CASE("without grace, a stop ends all peers at their next point") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto server = spin([&] {
        door.accept_loop([](tcp::stream& peer) {
          const tracked here;
          echo(peer);
        });
      });
      tcp::stream one = connect_to(door);
      tcp::stream two = connect_to(door);
      CHECK(echoes(one, "1"));
      CHECK(echoes(two, "2"));
      CHECK(tracked::alive() == 2);
      CHECK(server.interrupt("enough").reason().message == "enough");
      CHECK(tracked::alive() == 0);
      CHECK(read_to_end(one).empty());
      CHECK(read_to_end(two).empty());
    });
  }

  TEST_CASE("a timeout ends accept_loop as any other wait") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      CHECK_FALSE(move_on_after(10ms, [&] { door.accept_loop(&echo); }));
      tcp::stream near = connect_to(door);
      CHECK_FALSE(move_on_after(20ms, [&] { door.accept_loop(&echo); }));
      CHECK(read_to_end(near).empty());
    });
  }

  TEST_CASE("an idle peer is hung up on, others are not disturbed") {
    testing::run([] {
      tcp::listener door = listen_here();
      auto server = spin([&] {
        door.accept_loop([](tcp::stream& peer) {
          move_on_after(30ms, [&](timeout& idle) {
            peer.recv_loop([&](std::span<const std::byte> data) {
              idle.reset();
              peer.write(data);
            });
          });
        });
      });
      tcp::stream silent = connect_to(door);
      auto talker = spin([&] {
        tcp::stream near = connect_to(door);
        int heard = 0;
        while (heard < 10 && echoes(near, "x")) {
          sleep(5ms);
          ++heard;
        }
        return heard;
      });
      CHECK(read_to_end(silent).empty());
      CHECK(talker.await() == 10);
      server.interrupt();
    });
  }

  TEST_CASE("a stop that comes with the last connection there is room for is heard") {
    for (int n = 0; n < 12; ++n) {
      run_on_backend([n] {
        tcp::listener door = listen_here();
        const auto server =
            spin([&] { door.accept_loop({.max_connections = 1}, &echo); });
        const auto client = spin([&] { return connect_to(door); });
        for (int i = 0; i < n; ++i)
          yield();
        server.stop();
        const tcp::stream near = client.await();
        const bool stopped = move_on_after(10s, [&] { (void)server.outcome(); });
        CHECK_MESSAGE(stopped, "after ", n, " turns");
      });
    }
  }

  TEST_CASE("I-08: closing the listener under accept_loop is a closed_error") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto server = spin([&] { door.accept_loop(&echo); });
      tcp::stream near = connect_to(door);
      CHECK(echoes(near, "a"));
      door.close();
      CHECK_THROWS_AS(server.await(), closed_error);
      CHECK(read_to_end(near).empty());
    });
  }

  TEST_CASE("accept_loop without a socket fails") {
    run_on_backend([] {
      tcp::listener door;
      CHECK_THROWS_AS(door.accept_loop(&echo), std::system_error);
    });
  }

  TEST_CASE("accept_loop in a cancelled fiber takes no connection") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      tcp::stream near = connect_to(door);
      int served = 0;
      auto server = spin({.start = start_policy::always},
                         [&] { door.accept_loop([&](tcp::stream&) { ++served; }); });
      server.stop();
      CHECK(server.outcome().stopped());
      CHECK(served == 0);
      door.accept().write("untouched");
      CHECK(read_to_end(near) == "untouched");
    });
  }

  TEST_CASE("an echo server on the main fiber ends when main is stopped") {
    testing::run([] {
      auto server = spin([] {
        tcp::listener door = tcp::listen("127.0.0.1", 7000);
        door.accept_loop(&echo);
      });
      yield();
      tcp::stream near = tcp::connect("127.0.0.1", 7000);
      CHECK(echoes(near, "hi"));
      // The server is left to the end of main, which stops and awaits it.
    });
  }
}

}  // namespace
}  // namespace motet
