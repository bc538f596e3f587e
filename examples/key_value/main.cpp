// SPDX-License-Identifier: MIT

/// @file
/// A key-value server that clients of Redis can use: a fiber per client.

#include "examples/arguments.hpp"
#include "examples/key_value/session.hpp"

#include <motet/motet.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace {

using namespace motet;

void serve(std::uint16_t port, std::size_t clients, const key_value::limits& limits) {
  auto listener = tcp::listen("127.0.0.1", port);
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(listener.local()).c_str());
  std::fflush(stdout);

  key_value::server all(limits);
  const scoped_fiber expiry(spin({.name = "expiry"}, [&] { all.data.expire_in_time(); }));
  listener.accept_loop({.max_connections = clients},
                       [&](stream& peer) { key_value::session(all, peer).serve(); });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 6379;
  int clients = 10'000;
  int idle = 0;
  int patience = 10;
  int word = 512;
  int unread = 32;
  examples::read_arguments(
      argc, argv,
      "Keeps texts and lists in memory for clients of Redis. SIGINT and SIGTERM end it.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"clients", "N", "how many at a time; others wait", 1, 1'000'000, clients},
       {"idle", "SECONDS", "hang up on silent clients; 0: never", 0, 86400, idle},
       {"patience", "SECONDS", "for clients that do not read", 1, 86400, patience},
       {"word", "MIB", "the largest key or value", 1, 512, word},
       {"unread", "MIB", "how far a subscriber may lag", 1, 1024, unread}});
  key_value::limits limits;
  limits.request.word = static_cast<std::size_t>(word) << 20;
  if (idle > 0) limits.idle = std::chrono::seconds(idle);
  limits.patience = std::chrono::seconds(patience);
  limits.unread = static_cast<std::size_t>(unread) << 20;
  run([&] {
    serve(static_cast<std::uint16_t>(port), static_cast<std::size_t>(clients), limits);
  });
} catch (const std::exception& error) {
  return examples::explain(error);
}
