// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Addresses: of IPv4 and IPv6 with a port, and the paths of Unix sockets.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace motet {

/// Where a socket is: an IPv4 or IPv6 address and a port, or the path of a Unix socket. A
/// value. What comes over IPv4 to an IPv6 socket has its IPv4 address here.
class endpoint {
 public:
  /// No address at all.
  endpoint() = default;

  /// From a numeric address: "127.0.0.1", "::1", "fe80::1%eth0".
  /// @throws std::system_error (invalid_argument) if it is none. Never parks.
  static endpoint parse(std::string_view address, std::uint16_t port);

  /// From the path of a Unix socket, or from an abstract name, which is no file: "@name".
  /// @throws std::system_error (filename_too_long) from 108 bytes on. Never parks.
  static endpoint of_path(std::string_view path);

  /// "127.0.0.1"; empty if there is none, and for Unix sockets. Never parks.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// The same address with another port; a Unix socket has none. Never parks.
  [[nodiscard]] endpoint with_port(std::uint16_t port) const noexcept;
  /// "/run/app.sock", "@name"; empty if it is none. Never parks.
  [[nodiscard]] std::string path() const;
  /// Whether it is of a Unix socket, with a name or without.
  [[nodiscard]] bool is_local() const noexcept;
  /// Whether it can be called: a Unix socket that nobody gave a name cannot.
  explicit operator bool() const noexcept { return length_ > sizeof(std::uint16_t); }

  friend bool operator==(const endpoint&, const endpoint&) = default;

  /// For the library: a socket address as the system has it.
  static endpoint from_system(const void* address, std::size_t length) noexcept;
  [[nodiscard]] const void* system_address() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t system_length() const noexcept { return length_; }

 private:
  // Holds a sockaddr_un, the largest of them.
  alignas(8) std::array<std::byte, 112> bytes_{};
  std::uint32_t length_ = 0;
};

/// "127.0.0.1:7000", "[::1]:7000", "/run/app.sock". Never parks.
[[nodiscard]] std::string to_string(const endpoint& e);

}  // namespace motet
