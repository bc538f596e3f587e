// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/cancel.hpp>
#include <motet/cancel_on.hpp>
#include <motet/debug.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::connect_to;
using test::listen_here;
using test::read_text;
using test::read_to_end;
using test::run_on_backend;
using test::yield_until;

void echo(stream& peer) {
  peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
}

/// Says `text` and hears it back.
bool echoes(stream& with, const std::string& text) {
  with.write(text);
  return read_text(with, text.size()) == text;
}

TEST_SUITE("accept_loop: its peers") {
  TEST_CASE("with grace, peers under way may finish, and no more are taken") {
    run_on_backend([] {
      listener door = listen_here();
      auto server = spin([&] {
        door.accept_loop({.grace = 1h, .keep_listening = true}, [](stream& peer) {
          peer.write(read_text(peer, 1));
          peer.write(read_text(peer, 1));
        });
      });
      stream near = connect_to(door);
      CHECK(echoes(near, "a"));
      server.stop();
      yield();
      stream late = connect_to(door);
      CHECK_FALSE(server.done());
      CHECK(echoes(near, "b"));
      CHECK(server.outcome().stopped());
      CHECK(read_to_end(near).empty());
      door.accept().write("next server");
      CHECK(read_to_end(late) == "next server");
      CHECK(testing::armed_timers() == 0);
    });
  }

  TEST_CASE("grace ends, and with it the peers that are left, which are named") {
    testing::run([] {
      std::vector<std::string> cut;
      const accept_options options{.grace = 20ms, .on_cut = [&](auto names) {
                                     cut.assign(names.begin(), names.end());
                                   }};
      listener door = listen_here();
      auto server = spin([&] { door.accept_loop(options, &echo); });
      stream near = connect_to(door);
      stream done = connect_to(door);
      CHECK(echoes(near, "a"));
      CHECK(echoes(done, "a"));
      const time_point start = clock::now();
      server.stop();
      CHECK(echoes(near, "b"));
      done.close();
      CHECK(read_to_end(near).empty());
      CHECK(clock::now() - start == 20ms);
      CHECK(server.outcome().stopped());
      CHECK(cut == std::vector<std::string>{"peer " + to_string(near.local())});
    });
  }

  TEST_CASE("as the grace begins, new peers are refused and idle ones can be let go") {
    run_on_backend([] {
      bool cut = false;
      const accept_options options{.grace = 1h, .on_cut = [&](auto) { cut = true; }};
      listener door = listen_here();
      const endpoint at = door.local();
      auto server = spin([&] {
        door.accept_loop(options, [](stream& peer) {
          cancel_on(this_fiber::stop_token(), [&] { echo(peer); });
          peer.write("goodbye");
        });
      });
      stream near = connect_to(door);
      CHECK(echoes(near, "a"));
      server.stop();
      CHECK(read_to_end(near) == "goodbye");
      CHECK_THROWS_AS((void)tcp::connect(at.address(), at.port()), std::system_error);
      CHECK(server.outcome().stopped());
      CHECK_FALSE(cut);
    });
  }

  TEST_CASE("a peer's fiber has the name of its peer, while it has the stream") {
    run_on_backend([] {
      listener door = listen_here();
      auto server = spin([&] { door.accept_loop(&echo); });
      stream near = connect_to(door);
      CHECK(echoes(near, "a"));
      const std::string name = "peer " + to_string(near.local());
      CHECK(server.children().front().name() == name);
      yield_until([&] {
        return dump().find("\"" + name + "\" waits for bytes to read") !=
               std::string::npos;
      });
      server.interrupt();
      door = listen_here();
      server = spin([&] { door.accept_loop([](stream peer) { echo(peer); }); });
      near = connect_to(door);
      CHECK(echoes(near, "a"));
      CHECK(server.children().front().name().starts_with("fiber "));
      server.interrupt();
    });
  }
}

}  // namespace
}  // namespace motet
