// SPDX-License-Identifier: MIT
#include "backend/sim/sim_address.hpp"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>

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

}  // namespace

int read_address(const sockaddr* from, socklen_t length, sim_address& to) {
  if (length < sizeof(sa_family_t)) return -EINVAL;
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return -EAFNOSUPPORT;
  to = no_address(from->sa_family);
  if (length < to.length) return -EINVAL;
  std::memcpy(&to.bytes, from, to.length);
  return 0;
}

sim_address no_address(int family) {
  sim_address made;
  made.bytes.ss_family = static_cast<sa_family_t>(family);
  made.length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return made;
}

std::uint16_t port_of(const sim_address& address) {
  return ntohs(is_v6(address) ? v6(address).sin6_port : v4(address).sin_port);
}

void set_port(sim_address& address, std::uint16_t port) {
  (is_v6(address) ? v6(address).sin6_port : v4(address).sin_port) = htons(port);
}

bool is_wildcard(const sim_address& address) {
  if (is_v6(address)) return IN6_IS_ADDR_UNSPECIFIED(&v6(address).sin6_addr);
  return v4(address).sin_addr.s_addr == htonl(INADDR_ANY);
}

void set_loopback(sim_address& address) {
  if (is_v6(address)) {
    v6(address).sin6_addr = in6addr_loopback;
  } else {
    v4(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
}

bool hears(const sim_address& listener, const sim_address& called) {
  if (port_of(listener) != port_of(called)) return false;
  // The IPv6 wildcard hears calls over IPv4, too.
  if (is_wildcard(listener)) return is_v6(listener) || !is_v6(called);
  if (is_v6(listener) != is_v6(called)) return false;
  if (!is_v6(listener)) return v4(listener).sin_addr.s_addr == v4(called).sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&v6(listener).sin6_addr, &v6(called).sin6_addr);
}

}  // namespace motet
