// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Addresses and ports.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace motet {

/// One end of a connection: an IPv4 or IPv6 address and a port. A value.
class endpoint {
 public:
  /// No address at all.
  endpoint() = default;

  /// From a numeric address: "127.0.0.1", "::1".
  /// @throws std::system_error (invalid_argument) if it is none. Never parks.
  static endpoint parse(std::string_view address, std::uint16_t port);

  /// "127.0.0.1"; empty if there is none. Never parks.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] std::uint16_t port() const noexcept;
  explicit operator bool() const noexcept { return length_ != 0; }

  friend bool operator==(const endpoint&, const endpoint&) = default;

  /// For the library: a socket address as the system has it.
  static endpoint from_system(const void* address, std::size_t length) noexcept;
  [[nodiscard]] const void* system_address() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t system_length() const noexcept { return length_; }

 private:
  // Holds a sockaddr_in6, the larger of the two.
  alignas(8) std::array<std::byte, 28> bytes_{};
  std::uint32_t length_ = 0;
};

/// "127.0.0.1:7000", "[::1]:7000". Never parks.
[[nodiscard]] std::string to_string(const endpoint& e);

}  // namespace motet
