// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where sockets are, and how errors name that.

#include "backend/operation.hpp"

#include <motet/endpoint.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace motet::detail {

/// @throws std::system_error if the socket does not know.
[[nodiscard]] endpoint name_of_socket(int fd, endpoint_side side);
/// The same for messages: " 127.0.0.1:7000"; nothing if it does not know any more.
[[nodiscard]] std::string word_for_socket(int fd, endpoint_side side);

/// "example.org:80", "[::1]:80".
[[nodiscard]] std::string name_of_host(std::string_view host, std::uint16_t port);

[[nodiscard]] inline const sockaddr* address_of(const endpoint& e) noexcept {
  return static_cast<const sockaddr*>(e.system_address());
}
[[nodiscard]] inline socklen_t length_of(const endpoint& e) noexcept {
  return static_cast<socklen_t>(e.system_length());
}

/// The error that a result is; none if it is a success.
[[nodiscard]] inline std::error_code to_code(std::int32_t result) noexcept {
  return result < 0 ? std::error_code(-result, std::system_category())
                    : std::error_code();
}

}  // namespace motet::detail
