// SPDX-License-Identifier: MIT
#include <motet/endpoint.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <optional>
#include <system_error>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

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
  return as<sa_family_t>(bytes);
}

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

/// "eth0" or "2"; nothing if there is no such interface.
std::optional<std::uint32_t> scope_named(std::string_view scope) {
  std::uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(scope.data(), scope.data() + scope.size(), number);
  if (error == std::errc() && end == scope.data() + scope.size()) return number;
  number = if_nametoindex(std::string(scope).c_str());
  return number != 0 ? std::optional(number) : std::nullopt;
}

std::optional<sockaddr_in6> parse_six(std::string_view text) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  const std::size_t percent = text.find('%');
  if (inet_pton(AF_INET6, std::string(text.substr(0, percent)).c_str(), &six.sin6_addr) !=
      1) {
    return std::nullopt;
  }
  if (percent == std::string_view::npos) return six;
  const auto scope = scope_named(text.substr(percent + 1));
  if (!scope) return std::nullopt;
  six.sin6_scope_id = *scope;
  return six;
}

/// "%eth0" for an address that means something on one interface only.
std::string scope_of(const sockaddr_in6& six) {
  char name[IF_NAMESIZE] = "";
  if (six.sin6_scope_id == 0) return {};
  if (if_indextoname(six.sin6_scope_id, name) == nullptr)
    return "%" + std::to_string(six.sin6_scope_id);
  return std::string("%") + name;
}

/// An IPv4 address in the clothes of IPv6 (ipv6(7)) as what it is.
sockaddr_in unmapped(const sockaddr_in6& six) noexcept {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  std::memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof four.sin_addr);
  return four;
}

}  // namespace

static_assert(sizeof(sockaddr_un) <= 112, "endpoint has room for a sockaddr_un");

endpoint endpoint::from_system(const void* address, std::size_t length) noexcept {
  endpoint e;
  if (length < sizeof(sa_family_t)) return e;
  const sa_family_t family = family_of(address);
  const bool known = (family == AF_INET && length == sizeof(sockaddr_in)) ||
                     (family == AF_INET6 && length == sizeof(sockaddr_in6)) ||
                     (family == AF_UNIX && length <= sizeof(sockaddr_un));
  if (!known) return e;
  std::memcpy(e.bytes_.data(), address, length);
  e.length_ = static_cast<std::uint32_t>(length);
  if (family == AF_INET6) {
    const auto six = as<sockaddr_in6>(address);
    if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return e;
    const sockaddr_in four = unmapped(six);
    return from_system(&four, sizeof four);
  }
  if (family == AF_UNIX && length > path_offset && e.bytes_[path_offset] != std::byte{}) {
    // Some count the zero behind a path, some do not (unix(7), "Pathname sockets").
    const auto path = std::next(e.bytes_.begin(), path_offset);
    const auto end = std::find(path, std::next(e.bytes_.begin(), e.length_), std::byte{});
    e.length_ = static_cast<std::uint32_t>(end - e.bytes_.begin());
    std::fill(end, e.bytes_.end(), std::byte{});
  }
  return e;
}

endpoint endpoint::parse(std::string_view address, std::uint16_t port) {
  sockaddr_in four{};
  if (inet_pton(AF_INET, std::string(address).c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    return from_system(&four, sizeof four);
  }
  if (auto six = parse_six(address)) {
    six->sin6_port = htons(port);
    return from_system(&*six, sizeof *six);
  }
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "\"" + std::string(address) + "\" is no numeric address");
}

endpoint endpoint::of_path(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A path ends with a zero, an abstract name begins with one.
  const bool too_long = path.size() >= sizeof address.sun_path;
  if (path.empty() || too_long || path.find('\0') != std::string_view::npos) {
    const auto why =
        too_long ? std::errc::filename_too_long : std::errc::invalid_argument;
    throw std::system_error(std::make_error_code(why),
                            "\"" + std::string(path) + "\" as path of a socket");
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  if (path.front() == '@') address.sun_path[0] = '\0';
  return from_system(&address, path_offset + path.size());
}

std::string endpoint::address() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (length_ == 0 || is_local()) return text;
  if (family_of(bytes_.data()) == AF_INET) {
    const auto four = as<sockaddr_in>(bytes_.data());
    return inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  }
  const auto six = as<sockaddr_in6>(bytes_.data());
  return inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text) + scope_of(six);
}

std::uint16_t endpoint::port() const noexcept {
  if (length_ == 0 || is_local()) return 0;
  // At the same place in both kinds.
  return ntohs(as<sockaddr_in>(bytes_.data()).sin_port);
}

endpoint endpoint::with_port(std::uint16_t port) const noexcept {
  endpoint made = *this;
  if (length_ == 0 || is_local()) return made;
  auto head = as<sockaddr_in>(bytes_.data());
  head.sin_port = htons(port);
  std::memcpy(made.bytes_.data(), &head, offsetof(sockaddr_in, sin_addr));
  return made;
}

bool endpoint::is_local() const noexcept {
  return length_ != 0 && family_of(bytes_.data()) == AF_UNIX;
}

std::string endpoint::path() const {
  if (!is_local() || length_ <= path_offset) return {};
  std::string text(reinterpret_cast<const char*>(bytes_.data()) + path_offset,
                   length_ - path_offset);
  if (text.front() == '\0') text.front() = '@';
  return text;
}

std::string to_string(const endpoint& e) {
  if (!e) return e.is_local() ? "unnamed" : "nowhere";
  if (e.is_local()) return e.path();
  const std::string address = e.address();
  const bool six = address.find(':') != std::string::npos;
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(e.port());
}

}  // namespace motet
