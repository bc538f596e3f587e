// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/local.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace motet {
namespace {

using test::complaint_of;
using test::read_some;
using test::read_to_end;
using test::run_on_backend;
using test::text_of;

/// A path that nobody else uses.
std::string new_path() {
  static int count = 0;
  return "/tmp/motet-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

std::string receive_text(local::datagram_socket& at, endpoint* from = nullptr) {
  std::array<std::byte, 64> room{};
  const datagram came = at.receive_from(room);
  if (from != nullptr) *from = came.from;
  return text_of(came.data);
}

TEST_SUITE("local: streams") {
  TEST_CASE("a connection by path goes both ways") {
    run_on_backend([] {
      const std::string path = new_path();
      local::listener door = local::listen(path);
      CHECK(to_string(door.local()) == path);
      local::stream near = local::connect(path);
      local::stream far = door.accept();
      CHECK(to_string(near.peer()) == path);
      CHECK(to_string(far.peer()) == "unnamed");
      near.write("ping");
      CHECK(read_some(far) == "ping");
      far.write("pong");
      far.shutdown_send();
      CHECK(read_to_end(near) == "pong");
      CHECK_FALSE(near.error());
    });
  }

  TEST_CASE("a path is free when its listener has gone") {
    run_on_backend([] {
      const std::string path = new_path();
      { const local::listener door = local::listen(path); }
      CHECK(complaint_of([&] { (void)local::connect(path); }) ==
            "connect " + path + ": No such file or directory");
      local::listener again = local::listen(path);
      local::listener moved = std::move(again);
      CHECK_NOTHROW((void)local::connect(path));
      moved.close();
      CHECK_THROWS_AS((void)local::connect(path), std::system_error);
    });
  }

  TEST_CASE("a path where somebody listens is refused") {
    run_on_backend([] {
      const std::string path = new_path();
      local::listener door = local::listen(path);
      CHECK(complaint_of([&] { (void)local::listen(path); }) ==
            "listen on " + path + ", where somebody is: Address already in use");
      CHECK_NOTHROW((void)local::connect(path));
    });
  }

  TEST_CASE("abstract names are no files") {
    run_on_backend([] {
      const std::string name = "@" + new_path();
      local::listener door = local::listen(name);
      CHECK(to_string(door.local()) == name);
      CHECK_NOTHROW((void)local::connect(name));
      CHECK(complaint_of([&] { (void)local::listen(name); }) ==
            "listen on " + name + ", a name in use: Address already in use");
      door.close();
      CHECK(complaint_of([&] { (void)local::connect(name); }) ==
            "connect " + name + ": Connection refused");
    });
  }

  TEST_CASE("a pair is a connection that nobody listened for") {
    run_on_backend([] {
      auto [one, other] = local::pair();
      one.write("hello");
      CHECK(read_some(other) == "hello");
      other.close();
      CHECK(read_to_end(one).empty());
    });
  }

  TEST_CASE("paths have a limit, and names are checked") {
    const std::string longest(107, 'x');
    CHECK(endpoint::of_path(longest).path() == longest);
    CHECK_THROWS_AS((void)endpoint::of_path(longest + "x"), std::system_error);
    CHECK_THROWS_AS((void)endpoint::of_path(""), std::system_error);
    CHECK(endpoint::of_path("/a") == endpoint::of_path("/a"));
    CHECK(endpoint::of_path("/a") != endpoint::of_path("@/a"));
    CHECK(endpoint::of_path("/a").is_local());
    CHECK(endpoint::of_path("/a").port() == 0);
    CHECK(to_string(endpoint::of_path("@a").with_port(7)) == "@a");
  }

  TEST_CASE("a connection that is accepted as the listener is closed is no leak") {
    run_on_backend([] {
      const std::string path = new_path();
      local::listener door = local::listen(path);
      auto acceptor = spin([&] { CHECK_THROWS_AS((void)door.accept(), closed_error); });
      yield();
      local::stream near = local::connect(path);
      door.close();
      acceptor.await();
      std::array<std::byte, 1> room{};
      std::error_code ec;
      CHECK(near.read(room, ec).empty());  // the end, or reset if it was in the backlog
    });
  }
}

TEST_SUITE("local: datagrams") {
  TEST_CASE("datagrams by path come whole, with a name to answer to") {
    run_on_backend([] {
      const std::string path = new_path();
      local::datagram_socket server = local::bind(path);
      local::datagram_socket client = local::bind();
      client.send_to("question", endpoint::of_path(path));
      endpoint from;
      CHECK(receive_text(server, &from) == "question");
      CHECK(from == client.local());
      server.send_to("answer", from);
      CHECK(receive_text(client) == "answer");
      CHECK_THROWS_AS((void)local::bind(path), std::system_error);
      server.close();
      CHECK(complaint_of([&] { client.send_to("x", endpoint::of_path(path)); }) ==
            "send to " + path + ": No such file or directory");
    });
  }

  TEST_CASE("who sends to a full socket waits, and a cancelled send sent nothing") {
    run_on_backend([] {
      local::datagram_socket to = local::bind();
      local::datagram_socket from = local::bind();
      const std::string text(1000, 'x');
      std::size_t sent = 0;
      while (move_on_after(20ms, [&] { from.send_to(text, to.local()); }))
        ++sent;
      CHECK(sent > 0);
      auto sender = spin([&] { from.send_to("last", to.local()); });
      for (std::size_t i = 0; i < sent; ++i) {
        std::array<std::byte, 2000> room{};
        CHECK(to.receive(room).size() == text.size());
      }
      CHECK(receive_text(to) == "last");
      sender.await();
    });
  }

  TEST_CASE("a pair of datagram sockets keeps messages apart") {
    run_on_backend([] {
      auto [one, other] = local::datagram_pair();
      one.send("a");
      one.send("b");
      CHECK(receive_text(other) == "a");
      CHECK(receive_text(other) == "b");
    });
  }
}

TEST_SUITE("local: in simulation") {
  TEST_CASE("a slow line is slow for paths, too") {
    testing::run([] {
      testing::network net;
      const std::string path = new_path();
      local::listener door = local::listen(path);
      net.delay(50ms);
      local::stream near = local::connect(path);
      CHECK(clock::now() == time_point(100ms));
      door.accept().write("late");
      CHECK(read_some(near) == "late");
      CHECK(clock::now() == time_point(150ms));
    });
  }

  TEST_CASE("descriptors are refused in a sentence") {
    testing::run([] {
      auto ends = local::pair();
      const int fd = 0;
      CHECK(complaint_of([&] {
              local::send_descriptors(ends.first, test::bytes_of("x"), {&fd, 1});
            }) == "send descriptors: Operation not supported");
    });
  }
}

}  // namespace
}  // namespace motet
