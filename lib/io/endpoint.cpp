// SPDX-License-Identifier: MIT
#include <motet/endpoint.hpp>

#include <algorithm>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace motet {

namespace {

template <class Address>
Address as(const void* bytes) noexcept {
  Address address;
  std::memcpy(&address, bytes, sizeof address);
  return address;
}

sa_family_t family_of(const void* bytes) noexcept {
  // Where it lies is the same in all socket addresses (unix(7), ip(7)).
  return as<sockaddr_in>(bytes).sin_family;
}

}  // namespace

static_assert(sizeof(sockaddr_in6) == 28, "endpoint has room for a sockaddr_in6");

endpoint endpoint::from_system(const void* address, std::size_t length) noexcept {
  endpoint e;
  if (length != sizeof(sockaddr_in) && length != sizeof(sockaddr_in6)) return e;
  std::memcpy(e.bytes_.data(), address, length);
  e.length_ = static_cast<std::uint32_t>(length);
  return e;
}

endpoint endpoint::parse(std::string_view address, std::uint16_t port) {
  const std::string text(address);
  sockaddr_in four{};
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    return from_system(&four, sizeof four);
  }
  sockaddr_in6 six{};
  if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    return from_system(&six, sizeof six);
  }
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "\"" + text + "\" is no numeric address");
}

std::string endpoint::address() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (length_ == 0) return text;
  if (family_of(bytes_.data()) == AF_INET) {
    const auto four = as<sockaddr_in>(bytes_.data());
    inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  } else {
    const auto six = as<sockaddr_in6>(bytes_.data());
    inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  }
  return text;
}

std::uint16_t endpoint::port() const noexcept {
  // At the same place in both kinds.
  return length_ == 0 ? std::uint16_t{0} : ntohs(as<sockaddr_in>(bytes_.data()).sin_port);
}

std::string to_string(const endpoint& e) {
  if (!e) return "nowhere";
  const std::string address = e.address();
  const bool six = address.find(':') != std::string::npos;
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(e.port());
}

}  // namespace motet
