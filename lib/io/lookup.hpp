// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Asking the system for the addresses of a name, once for all who want to know.

#include <motet/call_site.hpp>
#include <motet/endpoint.hpp>

#include <string_view>
#include <vector>

namespace motet::detail {

/// Parks until the system has answered. Cancelled, it leaves the lookup to itself, or
/// withdraws it if nobody else wants to know and it has not begun.
/// @throws std::system_error that names the host. Cancellation point.
[[nodiscard]] std::vector<endpoint> look_up(std::string_view host, call_site where);

/// Throws an error of getaddrinfo(3).
[[noreturn]] void throw_lookup_failure(int failure, std::string_view host);

}  // namespace motet::detail
