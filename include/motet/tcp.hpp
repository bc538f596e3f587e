// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// TCP: streams of bytes between two endpoints, and listeners for them.

#include <motet/call_site.hpp>
#include <motet/listener.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <string_view>

namespace motet::tcp {

using motet::accept_options;
using motet::listener;
using motet::stream;

struct listen_options {
  /// Connections that may wait to be accepted; the system's own limit may be lower
  /// (net.core.somaxconn).
  int backlog = 4096;
  /// Lets several sockets listen on one port (SO_REUSEPORT).
  bool reuse_port = false;
  /// An IPv6 address takes no IPv4.
  bool v6_only = false;
};

/// Listens on a numeric address or a name; "" and "*" mean all addresses, port 0 picks
/// one.
/// @throws std::system_error that names address and port.
/// Cancellation point if given a name, which has to be looked up.
[[nodiscard]] listener listen(std::string_view host, std::uint16_t port,
                              const listen_options& options = {},
                              call_site where = call_site::here());

struct connect_options {
  time_point deadline = time_point::max();
};

/// Connects to a numeric address or a name. If that has several addresses they are tried
/// in turn, IPv6 and IPv4 by turns, the next one when the last has failed or was silent
/// for 250 ms (RFC 8305); the first connection wins, and the others are closed.
/// @throws std::system_error that names host and port, and each address with its error;
/// timeout_error at the deadline, which counts from the lookup on. Cancellation point.
[[nodiscard]] stream connect(std::string_view host, std::uint16_t port,
                             const connect_options& options = {},
                             call_site where = call_site::here());

}  // namespace motet::tcp
