// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the simulated network knows of a socket.

#include "backend/operation.hpp"
#include "backend/sim/sim_faults.hpp"
#include "backend/sim/sim_line.hpp"

#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <netinet/in.h>

namespace motet {

/// An operation that waits for something to change.
struct sim_waiting {
  operation* op;
  sim_fate fate;
};

/// What came in one piece.
struct sim_datagram {
  std::vector<std::byte> bytes;
  sim_address from;
};

/// An end of a connection, a listener, a datagram socket, or not yet any of these.
struct sim_socket {
  /// A pipe is a connection that goes one way.
  enum class role : std::uint8_t {
    fresh,
    listening,
    connected,
    pipe_reader,
    pipe_writer
  };

  [[nodiscard]] bool is_pipe() const noexcept {
    return is == role::pipe_reader || is == role::pipe_writer;
  }

  int fd = 0;
  role is = role::fresh;
  bool open = true;         ///< The descriptor is in use.
  bool datagrams = false;   ///< Sends and receives messages; `is` stays fresh.
  bool bound = false;       ///< Datagrams: others can send to `local`.
  std::uint64_t inode = 0;  ///< Of the file that it was bound to; 0: none.
  bool v6_only = false;     ///< An IPv6 wildcard that does not hear IPv4.
  bool queued = false;      ///< In some listener's backlog.
  bool sent_all = false;    ///< This end has shut down sending.
  bool heard_all = false;   ///< The other end has: no more bytes will come.
  bool deaf = false;        ///< This end has shut down receiving.
  bool broken = false;      ///< Nothing can be sent any more, by error.
  std::int32_t error = 0;   ///< Why, told once; -errno.
  int peer = 0;             ///< Descriptor of the other end; 0 once that is gone.
  std::uint16_t port = 0;   ///< The one that was called, at both ends.
  sim_address local, remote;
  sim_line line;                      ///< On its way to this end.
  std::vector<std::byte> received;    ///< Arrived, and not read yet.
  std::vector<sim_waiting> parked;    ///< Oldest first.
  std::deque<sim_datagram> messages;  ///< Arrived, and not received yet.
  std::optional<time_point> answer;   ///< Calling: when it hears from the other end.

  std::size_t limit = 0;     ///< Listener: how many connections may wait.
  bool shares_port = false;  ///< Listener.
  std::deque<int> backlog;   ///< Listener: connections not accepted yet.
  std::vector<int> callers;  ///< Listener: sockets waiting for room in the backlog.
};

}  // namespace motet
