// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// From the names of hosts to their addresses.

#include <motet/call_site.hpp>
#include <motet/endpoint.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace motet {

/// The addresses of a host, in the order in which to try them; a numeric one is its own.
/// The system looks (getaddrinfo: files, DNS, whatever nsswitch.conf says) on threads of
/// the pool that `blocking` uses, on half of them at most. Who asks for a name that is
/// being looked up already shares the answer. A lookup that is cancelled is left to
/// itself.
/// @throws std::system_error that names the host. Cancellation point.
[[nodiscard]] std::vector<endpoint> resolve(std::string_view host, std::uint16_t port = 0,
                                            call_site where = call_site::here());

}  // namespace motet
