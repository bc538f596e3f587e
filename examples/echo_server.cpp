// SPDX-License-Identifier: MIT

/// @file
/// Sends back what peers send, and hangs up on those that are silent for too long.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>

namespace {

using namespace motet;

void serve(std::uint16_t port, duration patience) {
  auto server = tcp::listen("127.0.0.1", port);
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(server.local()).c_str());
  std::fflush(stdout);

  server.accept_loop([&](tcp::stream& peer) {  // a fiber per peer
    move_on_after(patience, [&](timeout& idle) {
      peer.recv_loop([&](std::span<const std::byte> data) {
        idle.reset();
        peer.write(data);
      });
    });
  });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 7000;
  int idle = 60;
  examples::read_arguments(
      argc, argv, "Sends back what peers send. SIGINT and SIGTERM end it.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"idle", "SECONDS", "hang up on peers silent for so long", 1, 86400, idle}});
  run([&] { serve(static_cast<std::uint16_t>(port), std::chrono::seconds(idle)); });
} catch (const std::exception& error) {
  return examples::explain(error);
}
