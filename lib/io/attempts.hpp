// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Connecting to a host that has several addresses, as RFC 8305 ("happy eyeballs") says.

#include <motet/call_site.hpp>
#include <motet/endpoint.hpp>
#include <motet/stream.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace motet::detail {

/// @param result 0, or -errno. @returns a stream if it went well. Cancellation point.
[[nodiscard]] stream connect_stream(const endpoint& to, std::int32_t& result,
                                    call_site where);

/// In the order in which to try them: IPv6 and IPv4 by turns, beginning with what the
/// first one is.
[[nodiscard]] std::vector<endpoint> interleaved(std::vector<endpoint> addresses);

/// Tries one address after the other, the next one when the last has failed or was silent
/// for 250 ms. The first connection wins; what else was begun is closed.
/// @throws std::system_error that names each address, and why it failed. Cancellation
/// point.
[[nodiscard]] stream connect_to_any(std::vector<endpoint> addresses,
                                    const std::string& name, call_site where);

}  // namespace motet::detail
