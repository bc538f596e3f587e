// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Sockets that a service manager has opened before it started the program: systemd's
/// socket activation, as sd_listen_fds(3) says, without its library.

#include <motet/datagram_socket.hpp>
#include <motet/listener.hpp>
#include <motet/owned_descriptor.hpp>
#include <motet/stream.hpp>

#include <string>
#include <utility>
#include <vector>

namespace motet {

/// What was handed over, by kind, in the order in which the manager has it; with each its
/// name: `FileDescriptorName=`, else the name of the unit, or "unknown".
struct activated_sockets {
  std::vector<std::pair<std::string, listener>> listeners;
  std::vector<std::pair<std::string, datagram_socket>> datagram_sockets;
  /// Connections: of units that say `Accept=yes`.
  std::vector<std::pair<std::string, stream>> streams;
  /// Everything else.
  std::vector<std::pair<std::string, owned_descriptor>> others;

  [[nodiscard]] bool empty() const noexcept;
};

enum class activation_variables : bool { keep, unset };

/// Takes over what was meant for this process: nothing if it was not started that way.
/// All is close-on-exec. To be called once, before there are other threads: the variables
/// LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES are unset, so that nobody takes over what is
/// owned already. Kept, they say so to whoever asks next. The paths of Unix sockets stay,
/// they are the manager's.
/// @throws std::system_error if the variables name what is not open. Never parks.
[[nodiscard]] activated_sockets take_activated_sockets(
    activation_variables variables = activation_variables::unset);

}  // namespace motet
