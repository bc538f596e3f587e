// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the simulated network knows about addresses.

#include "backend/sim/sim_socket.hpp"

#include <cstdint>
#include <string>

#include <netinet/in.h>

namespace motet {

/// Checks and copies an address as the kernel does.
/// @returns 0, or -errno.
[[nodiscard]] int read_address(const sockaddr* from, socklen_t length, sim_address& to);

/// An abstract name, as the kernel picks them.
[[nodiscard]] sim_address abstract_name(unsigned number);

/// The address that a socket of `family` has before it has any.
[[nodiscard]] sim_address no_address(int family);

[[nodiscard]] std::uint16_t port_of(const sim_address& address);
void set_port(sim_address& address, std::uint16_t port);

/// Whether it stands for every address of the machine.
[[nodiscard]] bool is_wildcard(const sim_address& address);
void set_loopback(sim_address& address);

/// Whether a socket at `listener` hears a call to `called`.
[[nodiscard]] bool hears(const sim_address& listener, const sim_address& called,
                         bool v6_only = false);

/// Of a Unix socket: its path if it is a file; else empty.
[[nodiscard]] std::string path_of(const sim_address& address);
[[nodiscard]] inline bool is_local(const sim_address& address) noexcept {
  return address.bytes.ss_family == AF_UNIX;
}
[[nodiscard]] bool same(const sim_address& one, const sim_address& other) noexcept;

}  // namespace motet
