// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"

#include <motet/socket_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <variant>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace motet::detail {

namespace {

template <class Value>
void set(int fd, int level, int name, const Value& value, const char* what) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  const std::int32_t result = ask_kernel(set_option_call{fd, level, name, bytes});
  if (result < 0) throw_failure(result, std::string("set the socket's ") + what);
}

template <class Unit>
int count_of(duration span) {
  const auto count = std::chrono::duration_cast<Unit>(span).count();
  return static_cast<int>(std::clamp<long long>(count, 1, 1 << 30));
}

int as_int(std::size_t bytes) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
  return static_cast<int>(std::min(bytes, most));
}

bool is_v6(int fd) {
  sockaddr_storage address{};
  const auto length = ask_kernel(socket_name_call{fd, endpoint_side::local, &address});
  return length >= 0 && address.ss_family == AF_INET6;
}

void apply(int fd, const no_delay& o) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, int{o.on}, "no_delay");
}

void apply(int fd, const cork& o) {
  set(fd, IPPROTO_TCP, TCP_CORK, int{o.on}, "cork");
}

void apply(int fd, const keep_alive& o) {
  using std::chrono::seconds;
  const char* const what = "keep_alive";
  if (o.idle > duration::zero())
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, count_of<seconds>(o.idle), what);
  if (o.interval > duration::zero())
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, count_of<seconds>(o.interval), what);
  if (o.count > 0) set(fd, IPPROTO_TCP, TCP_KEEPCNT, o.count, what);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, int{o.on}, what);
}

void apply(int fd, const user_timeout& o) {
  const int count = count_of<std::chrono::milliseconds>(o.after);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, count, "user_timeout");
}

void apply(int fd, const reset_on_close& o) {
  const ::linger value{int{o.on}, 0};
  set(fd, SOL_SOCKET, SO_LINGER, value, "reset_on_close");
}

void apply(int fd, const receive_buffer& o) {
  set(fd, SOL_SOCKET, SO_RCVBUF, as_int(o.bytes), "receive_buffer");
}

void apply(int fd, const send_buffer& o) {
  set(fd, SOL_SOCKET, SO_SNDBUF, as_int(o.bytes), "send_buffer");
}

bool sends_datagrams(int fd) {
  int type = 0;
  const auto into = std::as_writable_bytes(std::span(&type, 1));
  return ask_kernel(get_option_call{fd, SOL_SOCKET, SO_TYPE, into}) >= 0 &&
         type == SOCK_DGRAM;
}

/// What goes to a group of multicast has an option of its own; this is about both.
void apply(int fd, const time_to_live& o) {
  const bool six = is_v6(fd);
  const int level = six ? int{IPPROTO_IPV6} : int{IPPROTO_IP};
  set(fd, level, six ? IPV6_UNICAST_HOPS : IP_TTL, o.hops, "time_to_live");
  if (!sends_datagrams(fd)) return;
  set(fd, level, six ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, o.hops, "time_to_live");
}

void apply(int fd, const allow_broadcast& o) {
  set(fd, SOL_SOCKET, SO_BROADCAST, int{o.on}, "allow_broadcast");
}

void apply(int fd, const multicast_group& o) {
  // One option for both families (ip(7) has an older one for IPv4).
  group_req ask{};
  ask.gr_interface = o.interface;
  std::memcpy(&ask.gr_group, o.group.system_address(), o.group.system_length());
  const bool six = ask.gr_group.ss_family == AF_INET6;
  set(fd, six ? int{IPPROTO_IPV6} : int{IPPROTO_IP},
      o.member ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, ask, "multicast_group");
}

}  // namespace

void set_option(int fd, const socket_option& option) {
  std::visit([fd](const auto& o) { apply(fd, o); }, option);
}

int take_socket_error(int fd) {
  int error = 0;
  const auto into = std::as_writable_bytes(std::span(&error, 1));
  const std::int32_t result = ask_kernel(get_option_call{fd, SOL_SOCKET, SO_ERROR, into});
  if (result < 0) throw_failure(result, "ask for the socket's error");
  return error;
}

}  // namespace motet::detail
