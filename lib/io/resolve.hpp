// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// From names to addresses, in a first simple form: getaddrinfo on a thread of the pool.

#include <motet/call_site.hpp>
#include <motet/endpoint.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace motet::detail {

/// The addresses of a host, in the order in which to try them; a numeric one is its own.
/// A lookup that is cancelled is left to itself.
/// @throws std::system_error if the name is unknown. Cancellation point, unless numeric.
std::vector<endpoint> resolve(std::string_view host, std::uint16_t port, call_site where);

}  // namespace motet::detail
