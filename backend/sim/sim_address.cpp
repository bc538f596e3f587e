// SPDX-License-Identifier: MIT
#include "backend/sim/sim_address.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <sys/un.h>

namespace motet {
namespace {

sockaddr_in& v4(sim_address& address) {
  return reinterpret_cast<sockaddr_in&>(address.bytes);
}
const sockaddr_in& v4(const sim_address& address) {
  return reinterpret_cast<const sockaddr_in&>(address.bytes);
}
sockaddr_in6& v6(sim_address& address) {
  return reinterpret_cast<sockaddr_in6&>(address.bytes);
}
const sockaddr_in6& v6(const sim_address& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.bytes);
}
bool is_v6(const sim_address& address) {
  return address.bytes.ss_family == AF_INET6;
}

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

int read_path(const sockaddr* from, socklen_t length, sim_address& to) {
  if (length <= path_offset || length > sizeof(sockaddr_un)) return -EINVAL;
  to = {};
  std::memcpy(&to.bytes, from, length);
  to.length = length;
  const std::string path = path_of(to);
  if (!path.empty()) to.length = static_cast<socklen_t>(path_offset + path.size());
  return 0;
}

}  // namespace

int read_address(const sockaddr* from, socklen_t length, sim_address& to) {
  if (length < sizeof(sa_family_t)) return -EINVAL;
  if (from->sa_family == AF_UNIX) return read_path(from, length, to);
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return -EAFNOSUPPORT;
  to = no_address(from->sa_family);
  if (length < to.length) return -EINVAL;
  std::memcpy(&to.bytes, from, to.length);
  return 0;
}

sim_address abstract_name(unsigned number) {
  sim_address made;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  for (std::size_t digit = 5; digit > 0; --digit, number >>= 4)
    name.sun_path[digit] = "0123456789abcdef"[number & 15];
  made.length = path_offset + 6;
  std::memcpy(&made.bytes, &name, made.length);
  return made;
}

sim_address no_address(int family) {
  sim_address made;
  made.bytes.ss_family = static_cast<sa_family_t>(family);
  made.length = family == AF_INET6  ? sizeof(sockaddr_in6)
                : family == AF_UNIX ? sizeof(sa_family_t)
                                    : sizeof(sockaddr_in);
  return made;
}

std::uint16_t port_of(const sim_address& address) {
  if (is_local(address)) return 0;
  return ntohs(is_v6(address) ? v6(address).sin6_port : v4(address).sin_port);
}

void set_port(sim_address& address, std::uint16_t port) {
  if (is_local(address)) return;
  (is_v6(address) ? v6(address).sin6_port : v4(address).sin_port) = htons(port);
}

bool is_wildcard(const sim_address& address) {
  if (is_v6(address)) return IN6_IS_ADDR_UNSPECIFIED(&v6(address).sin6_addr);
  return !is_local(address) && v4(address).sin_addr.s_addr == htonl(INADDR_ANY);
}

void set_loopback(sim_address& address) {
  if (is_v6(address)) {
    v6(address).sin6_addr = in6addr_loopback;
  } else if (!is_local(address)) {
    v4(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
}

bool hears(const sim_address& listener, const sim_address& called, bool v6_only) {
  if (is_local(listener) || is_local(called)) return same(listener, called);
  if (port_of(listener) != port_of(called)) return false;
  // The IPv6 wildcard hears calls over IPv4, too.
  if (is_wildcard(listener))
    return is_v6(listener) ? is_v6(called) || !v6_only : !is_v6(called);
  if (is_v6(listener) != is_v6(called)) return false;
  if (!is_v6(listener)) return v4(listener).sin_addr.s_addr == v4(called).sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&v6(listener).sin6_addr, &v6(called).sin6_addr);
}

std::string path_of(const sim_address& address) {
  if (!is_local(address) || address.length <= path_offset) return {};
  const auto* const path = reinterpret_cast<const char*>(&address.bytes) + path_offset;
  return {path, strnlen(path, address.length - path_offset)};
}

bool same(const sim_address& one, const sim_address& other) noexcept {
  return one.length == other.length &&
         std::memcmp(&one.bytes, &other.bytes, one.length) == 0;
}

}  // namespace motet
