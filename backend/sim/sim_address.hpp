// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the simulated network knows about addresses.

#include "backend/sim/sim_socket.hpp"

#include <cstdint>

#include <netinet/in.h>

namespace motet {

/// Checks and copies an address as the kernel does.
/// @returns 0, or -errno.
[[nodiscard]] int read_address(const sockaddr* from, socklen_t length, sim_address& to);

/// The address that a socket of `family` has before it has any.
[[nodiscard]] sim_address no_address(int family);

[[nodiscard]] std::uint16_t port_of(const sim_address& address);
void set_port(sim_address& address, std::uint16_t port);

/// Whether it stands for every address of the machine.
[[nodiscard]] bool is_wildcard(const sim_address& address);
void set_loopback(sim_address& address);

/// Whether a listener at `listener` hears a call to `called`.
[[nodiscard]] bool hears(const sim_address& listener, const sim_address& called);

}  // namespace motet
