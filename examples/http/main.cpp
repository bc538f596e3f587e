// SPDX-License-Identifier: MIT

/// @file
/// An HTTP/1.1 server. The other files here are what it is made of, from the bytes up:
/// input, parser, connection (the deadlines), exchange (what handlers use), routes.

#include "examples/arguments.hpp"
#include "examples/http/connection.hpp"
#include "examples/http/routes.hpp"
#include "examples/http/settings.hpp"

#include <motet/motet.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

using namespace motet;

/// How much may lie in the kernel for a peer that does not read: that could be megabytes.
/// Connections inherit it from their listener.
void bound_what_is_unsent(const listener& server) {
  const int most = 128 * 1024;
  if (setsockopt(server.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most,
                 sizeof most) != 0) {
    throw std::system_error(errno, std::system_category(), "set TCP_NOTSENT_LOWAT");
  }
}

void serve(std::uint16_t port, const accept_options& how, const http::settings& limits) {
  auto server = tcp::listen("127.0.0.1", port);
  bound_what_is_unsent(server);
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(server.local()).c_str());
  std::fflush(stdout);

  server.accept_loop(how, [&](stream& peer) {  // a fiber per connection
    http::connection(peer, limits, http::route).run();
  });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 8080;
  int connections = 20'000;
  int header = 10;
  int idle = 60;
  int body = 20;
  int grace = 10;
  examples::read_arguments(
      argc, argv, "Serves HTTP/1.1. SIGINT and SIGTERM end it, requests under way first.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"max-connections", "N", "more wait to be taken", 1, 1'000'000, connections},
       {"header-timeout", "SECONDS", "for the head of a request", 1, 86400, header},
       {"idle-timeout", "SECONDS", "between two requests", 1, 86400, idle},
       {"body-timeout", "SECONDS", "for a body, and for its answer", 1, 86400, body},
       {"grace", "SECONDS", "for requests under way at the end", 0, 86400, grace}});
  http::settings limits;
  limits.header = std::chrono::seconds(header);
  limits.idle = std::chrono::seconds(idle);
  limits.body = limits.sending = std::chrono::seconds(body);
  const accept_options how{.max_connections = static_cast<std::size_t>(connections),
                           .grace = std::chrono::seconds(grace)};
  run([&] { serve(static_cast<std::uint16_t>(port), how, limits); });
} catch (const std::exception& error) {
  return examples::explain(error);
}
