// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What can be said about a socket: `peer.set(no_delay{false})`.
///
/// Those of TCP that are set on a listener hold for the connections it takes from then
/// on.

#include <motet/endpoint.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <variant>

namespace motet {

/// TCP: small pieces leave at once (TCP_NODELAY). On from the start.
struct no_delay {
  bool on = true;
};

/// TCP: only full segments leave, until it is switched off (TCP_CORK).
struct cork {
  bool on = true;
};

/// TCP: asks a peer that was silent for `idle` whether it is there still, every
/// `interval`; after `count` without an answer the connection is broken. Whole seconds;
/// 0 leaves what the system has (tcp(7)).
struct keep_alive {
  bool on = true;
  duration idle{};
  duration interval{};
  int count = 0;
};

/// TCP: what was sent and not answered for so long breaks the connection
/// (TCP_USER_TIMEOUT). Milliseconds.
struct user_timeout {
  duration after;
};

/// What closing does with bytes that were not sent yet: the system goes on sending them,
/// or throws them away and resets the connection (SO_LINGER of 0).
struct reset_on_close {
  bool on = true;
};

/// How many bytes the system keeps for this socket; it doubles the number and has a limit
/// of its own (socket(7)).
struct receive_buffer {
  std::size_t bytes;
};
struct send_buffer {
  std::size_t bytes;
};

/// How many routers what is sent may pass: 1 stays on the local network.
struct time_to_live {
  int hops;
};

/// UDP: may send to broadcast addresses.
struct allow_broadcast {
  bool on = true;
};

/// UDP: receives what is sent to a multicast group, over this interface (if_nametoindex);
/// 0 lets the system choose.
struct multicast_group {
  endpoint group;
  unsigned interface = 0;
  bool member = true;
};

using socket_option =
    std::variant<no_delay, cork, keep_alive, user_timeout, reset_on_close, receive_buffer,
                 send_buffer, time_to_live, allow_broadcast, multicast_group>;

namespace detail {
/// @throws std::system_error that names the option. Never parks.
void set_option(int fd, const socket_option& option);
/// What has gone wrong on a socket since it was asked last (SO_ERROR). Never parks.
[[nodiscard]] int take_socket_error(int fd);
}  // namespace detail

}  // namespace motet
