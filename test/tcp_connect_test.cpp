// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::complaint_of;
using test::connect_to;
using test::listen_here;
using test::read_some;
using test::run_on_backend;

/// Connections to `door`, until one more would have to wait.
std::vector<tcp::stream> fill_backlog(const tcp::listener& door) {
  std::vector<tcp::stream> waiting;
  while (waiting.size() < 10) {
    auto more = move_on_after(20ms, [&] { return connect_to(door); });
    if (!more) break;
    waiting.push_back(std::move(*more));
  }
  return waiting;
}

TEST_SUITE("tcp: listening") {
  TEST_CASE("port 0 picks a free port, and local tells which") {
    run_on_backend([] {
      const tcp::listener one = listen_here();
      const tcp::listener other = listen_here();
      CHECK(one.local().address() == "127.0.0.1");
      CHECK(one.local().port() != 0);
      CHECK(one.local().port() != other.local().port());
      CHECK(one);
      CHECK(one.native_handle() >= 0);
    });
  }

  TEST_CASE("a port in use is refused in a sentence") {
    run_on_backend([] {
      const tcp::listener first = listen_here();
      const std::uint16_t port = first.local().port();
      CHECK(complaint_of([&] { (void)tcp::listen("127.0.0.1", port); }) ==
            "listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
    });
  }

  TEST_CASE("a port that was listened on is free at once") {
    run_on_backend([] {
      tcp::listener first = listen_here();
      const std::uint16_t port = first.local().port();
      tcp::stream near = connect_to(first);
      tcp::stream far = first.accept();
      far.close();
      CHECK(read_some(near).empty());
      first.close();
      CHECK_FALSE(first);
      CHECK(tcp::listen("127.0.0.1", port).local().port() == port);
    });
  }

  TEST_CASE("listeners may share a port if all of them say so") {
    run_on_backend([] {
      const tcp::listener one = tcp::listen("127.0.0.1", 0, {.reuse_port = true});
      const std::uint16_t port = one.local().port();
      CHECK_NOTHROW((void)tcp::listen("127.0.0.1", port, {.reuse_port = true}));
      CHECK_THROWS_AS((void)tcp::listen("127.0.0.1", port), std::system_error);
    });
  }

  TEST_CASE("no address, or a star, listens on every interface") {
    run_on_backend([] {
      tcp::listener any = tcp::listen("", 0);
      const std::string all = any.local().address();
      CHECK((all == "::" || all == "0.0.0.0"));
      CHECK(tcp::listen("*", 0).local().address() == all);
      tcp::stream near = connect_to(any);
      tcp::stream far = any.accept();
      CHECK(far.peer() == near.local());
      CHECK(far.peer().address() == "127.0.0.1");
      far.write("hello");
      CHECK(read_some(near) == "hello");
    });
  }

  TEST_CASE("a listener is a range of connections") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      tcp::stream one = connect_to(door);
      tcp::stream two = connect_to(door);
      int count = 0;
      for (tcp::stream& peer : door) {
        peer.write(std::to_string(++count));
        if (count == 2) break;
      }
      CHECK(read_some(one) == "1");
      CHECK(read_some(two) == "2");
    });
  }

  TEST_CASE("accept reports through an error_code if asked to") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      const tcp::stream near = connect_to(door);
      std::error_code ec = std::make_error_code(std::errc::io_error);
      const tcp::stream far = door.accept(ec);
      CHECK_FALSE(ec);
      CHECK(far.peer() == near.local());
    });
  }
}

TEST_SUITE("tcp: connecting") {
  TEST_CASE("a refused connection says to whom") {
    run_on_backend([] {
      CHECK(complaint_of([] { (void)tcp::connect("127.0.0.1", 1); }) ==
            "connect 127.0.0.1:1: Connection refused");
      CHECK(complaint_of([] { (void)tcp::connect("localhost", 1); }) ==
            "connect localhost:1: tried 127.0.0.1: Connection refused");
    });
  }

  TEST_CASE("IPv6 works as IPv4 does") {
    run_on_backend([] {
      tcp::listener door;
      try {
        door = tcp::listen("::1", 0);
      } catch (const std::system_error&) {
        MESSAGE("no IPv6 here");
        return;
      }
      const std::uint16_t port = door.local().port();
      CHECK(to_string(door.local()) == "[::1]:" + std::to_string(port));
      tcp::stream near = tcp::connect("::1", port);
      tcp::stream far = door.accept();
      CHECK(far.peer().address() == "::1");
      CHECK(far.peer() == near.local());
      far.write("six");
      CHECK(read_some(near) == "six");
    });
  }

  TEST_CASE("names are looked up, and their addresses tried in turn") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      tcp::stream near = tcp::connect("localhost", door.local().port());
      door.accept().write("by name");
      CHECK(read_some(near) == "by name");
    });
  }

  TEST_CASE("an unknown name is an error that says which") {
    run_on_backend([] {
      const std::string complaint =
          complaint_of([] { (void)tcp::connect("no.such.name.invalid", 80); });
      CHECK(complaint.find("no.such.name.invalid") != std::string::npos);
    });
  }

  TEST_CASE("others run while a name is looked up") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      auto ticker = spin([] {
        for (int i = 0; i < 3; ++i)
          yield();
        return 3;
      });
      tcp::stream near = tcp::connect("localhost", door.local().port());
      CHECK(ticker.await() == 3);
    });
  }

  TEST_CASE("a connection that takes too long is a timeout_error") {
    run_on_backend([] {
      tcp::listener full = tcp::listen("127.0.0.1", 0, {.backlog = 0});
      const std::vector<tcp::stream> waiting = fill_backlog(full);
      const std::uint16_t port = full.local().port();
      const time_point deadline = clock::now() + 30ms;
      try {
        (void)tcp::connect("127.0.0.1", port, {.deadline = deadline});
        FAIL("there was room");
      } catch (const timeout_error& e) {
        CHECK(e.code() == std::errc::timed_out);
        CHECK(std::string(e.what()).starts_with("connect 127.0.0.1:" +
                                                std::to_string(port)));
      }
      CHECK(clock::now() >= deadline);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("a deadline that is not reached does not matter") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      const std::uint16_t port = door.local().port();
      tcp::stream near = tcp::connect("127.0.0.1", port, {.deadline = clock::now() + 1h});
      CHECK(door.accept().peer() == near.local());
      CHECK(testing::armed_timers() == 0);
    });
  }

  TEST_CASE("a deadline that has passed connects nothing that has to wait") {
    run_on_backend([] {
      tcp::listener full = tcp::listen("127.0.0.1", 0, {.backlog = 0});
      const std::vector<tcp::stream> waiting = fill_backlog(full);
      CHECK_THROWS_AS((void)tcp::connect("127.0.0.1", full.local().port(),
                                         {.deadline = clock::now() - 1s}),
                      timeout_error);
    });
  }

  TEST_CASE("I-06: a cancelled connect leaves nothing behind") {
    run_on_backend([] {
      tcp::listener full = tcp::listen("127.0.0.1", 0, {.backlog = 0});
      const std::vector<tcp::stream> waiting = fill_backlog(full);
      auto caller = spin([&] { return connect_to(full); });
      yield();
      caller.stop();
      CHECK(caller.outcome().stopped());
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("I-18: a cancelled look-up is left to itself") {
    run_on_backend([] {
      for (int i = 0; i < 20; ++i) {
        auto caller = spin([] { return tcp::connect("localhost", 1); });
        yield();
        caller.stop();
        const auto how = caller.outcome();
        CHECK((how.stopped() || how.failed()));
      }
    });
  }

  TEST_CASE("endpoints are values with a text") {
    CHECK(to_string(endpoint::parse("127.0.0.1", 80)) == "127.0.0.1:80");
    CHECK(to_string(endpoint::parse("::1", 80)) == "[::1]:80");
    CHECK(endpoint::parse("::1", 80) == endpoint::parse("0:0::1", 80));
    CHECK(endpoint::parse("::1", 80) != endpoint::parse("::1", 81));
    CHECK_FALSE(endpoint());
    CHECK(endpoint().port() == 0);
    CHECK(endpoint().address().empty());
    CHECK_THROWS_AS((void)endpoint::parse("localhost", 80), std::system_error);
  }
}

}  // namespace
}  // namespace motet
