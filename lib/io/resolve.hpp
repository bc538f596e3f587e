// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The addresses that a host and a port stand for, by purpose.

#include <motet/call_site.hpp>
#include <motet/endpoint.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace motet::detail {

/// A host that is an address already.
[[nodiscard]] std::optional<endpoint> numeric(std::string_view host, std::uint16_t port);

/// Where to bind, the first that can be had: a name's address; for "" and "*" all.
/// Cancellation point if given a name.
[[nodiscard]] std::vector<endpoint> addresses_to_bind(std::string_view host,
                                                      std::uint16_t port, bool v6_only,
                                                      call_site where);

}  // namespace motet::detail
