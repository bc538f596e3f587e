// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// UDP: datagrams between two endpoints.

#include <motet/call_site.hpp>
#include <motet/datagram_socket.hpp>

#include <cstdint>
#include <string_view>

namespace motet::udp {

using socket = datagram_socket;

struct bind_options {
  /// Lets several sockets share one port, and the datagrams that come (SO_REUSEPORT).
  bool reuse_port = false;
  /// An IPv6 address takes no IPv4.
  bool v6_only = false;
};

/// A socket at a numeric address or a name; "" and "*" mean all addresses, port 0 picks
/// one.
/// @throws std::system_error that names address and port.
/// Cancellation point if given a name, which has to be looked up.
[[nodiscard]] socket bind(std::string_view host, std::uint16_t port,
                          const bind_options& options = {},
                          call_site where = call_site::here());

/// A socket that sends to this host and hears it only. That there is somebody is not
/// known before an answer has come.
/// @throws std::system_error that names host and port. Cancellation point.
[[nodiscard]] socket connect(std::string_view host, std::uint16_t port,
                             call_site where = call_site::here());

}  // namespace motet::udp
