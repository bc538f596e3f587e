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
};

/// Listens on a numeric address or a name; port 0 picks one.
/// @throws std::system_error that names address and port.
/// Cancellation point if given a name, which has to be looked up.
[[nodiscard]] listener listen(std::string_view host, std::uint16_t port,
                              const listen_options& options = {},
                              call_site where = call_site::here());

struct connect_options {
  time_point deadline = time_point::max();
};

/// Connects to a numeric address or a name, whose addresses are tried in turn.
/// @throws std::system_error that names host and port; timeout_error at the deadline.
/// Cancellation point.
[[nodiscard]] stream connect(std::string_view host, std::uint16_t port,
                             const connect_options& options = {},
                             call_site where = call_site::here());

}  // namespace motet::tcp
