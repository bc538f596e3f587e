// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the echo servers on Asio share: a listening socket, and a peer with its timer.

#include "echo_server.hpp"

#include <chrono>
#include <memory>

#include <asio.hpp>

namespace bench {

using asio::ip::tcp;

inline tcp::acceptor listen_with_asio(asio::io_context& context, std::uint16_t port) {
  return {context, tcp::v4(), listen_on_loopback(port)};
}

struct asio_connection : std::enable_shared_from_this<asio_connection> {
  explicit asio_connection(tcp::socket from)
      : peer(std::move(from)), idle(peer.get_executor()) {}

  /// Starts the peer's minute anew. The timer keeps the connection until then, or until
  /// it is cancelled.
  void wait_for_silence() {
    idle.expires_after(std::chrono::nanoseconds(idle_limit_ns));
    idle.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->peer.close();
    });
  }

  tcp::socket peer;
  asio::steady_timer idle;
};

}  // namespace bench
