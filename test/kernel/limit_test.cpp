// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"

#include <motet/fiber.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace motet {
namespace {

using test::child;
using test::plain_client;
using test::say;

/// An echo server with room for few descriptors; says its port, and "." after every peer.
void serve_in_need(int to) {
  motet::run([to] {
    tcp::listener door = tcp::listen("127.0.0.1", 0);
    const auto few = static_cast<rlim_t>(test::open_descriptors()) + 10;
    const rlimit limit{few, few};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    say(to, "port " + std::to_string(door.local().port()) + "\n");
    door.accept_loop([](tcp::stream& peer) {
      peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
    });
  });
}

/// The port in "port 1234\n".
std::uint16_t port_of(child& server) {
  REQUIRE(server.hear("port "));
  return static_cast<std::uint16_t>(std::stoi(server.hear_line()));
}

TEST_SUITE("kernel: limits") {
  TEST_CASE("F9: at the descriptor limit accept_loop waits, and recovers") {
    child server(&serve_in_need);
    const std::uint16_t port = port_of(server);
    std::vector<plain_client> clients;
    for (int i = 0; i < 50; ++i) {
      clients.emplace_back(port);
      REQUIRE(clients.back().connected());
      REQUIRE(clients.back().send("hello"));
    }
    REQUIRE(server.hear("Too many open files; trying again"));
    int served = 0;
    for (plain_client& client : clients) {
      served += client.receive() == "hello" ? 1 : 0;
      client.close();
    }
    CHECK(served == 50);
    server.send_signal(SIGTERM);
    CHECK(server.wait().code == 143);
  }
}

}  // namespace
}  // namespace motet
