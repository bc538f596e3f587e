// SPDX-License-Identifier: MIT

/// @file
/// Several threads serve one port, and say which of them did.
///
/// Each thread has a listener of its own and the kernel spreads the peers; or, with
/// --hand-over, one thread accepts and whichever thread is free takes the next peer.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <utility>

namespace {

using namespace motet;

/// Sends back what the peer sends, with the number of the thread in front.
void echo(tcp::stream& peer, std::size_t thread) {
  const std::string name = std::to_string(thread) + ": ";
  peer.recv_loop([&](std::span<const std::byte> data) {
    peer.write(name);
    peer.write(data);
  });
}

void announce(const tcp::listener& server) {
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(server.local()).c_str());
  std::fflush(stdout);
}

/// The first listener picks the port. Each thread has one on it before any accepts, as
/// the kernel spreads peers over those that are there.
void share_port(std::size_t threads, std::uint16_t port) {
  channel<std::uint16_t> picked(threads);
  latch ready(static_cast<std::ptrdiff_t>(threads));
  run_threads(threads, [&](std::size_t i) {
    if (i != 0) port = picked.receive();
    auto server = tcp::listen("127.0.0.1", port, {.reuse_port = true});
    for (std::size_t n = 1; i == 0 && n < threads; ++n)
      picked.send(server.local().port());
    ready.arrive_and_wait();
    if (i == 0) announce(server);
    server.accept_loop([i](tcp::stream& peer) { echo(peer, i); });
  });
}

/// A peer is handed over like any other value: whoever receives it serves it.
void hand_over(std::size_t threads, std::uint16_t port) {
  channel<tcp::stream> peers;
  run_threads(threads + 1, [&](std::size_t i) {
    if (i == threads) {
      auto server = tcp::listen("127.0.0.1", port);
      announce(server);
      for (tcp::stream& peer : server)
        peers.send(std::move(peer));
    }
    with_scope([&](scope& s) {
      for (tcp::stream peer : peers)
        s.spin([i](tcp::stream& mine) { echo(mine, i); }, std::move(peer));
    });
  });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 7000;
  int threads = 2;
  int one_accepts = 0;
  examples::read_arguments(
      argc, argv,
      "Sends back what peers send, on several threads. SIGINT and SIGTERM end it.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"threads", "N", "how many", 1, 64, threads},
       {"hand-over", "0|1", "1: another thread accepts for all", 0, 1, one_accepts}});
  const auto count = static_cast<std::size_t>(threads);
  const auto at = static_cast<std::uint16_t>(port);
  one_accepts != 0 ? hand_over(count, at) : share_port(count, at);
} catch (const std::exception& error) {
  return examples::explain(error);
}
