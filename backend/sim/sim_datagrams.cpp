// SPDX-License-Identifier: MIT
#include "backend/sim/sim_address.hpp"
#include "backend/sim/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace motet {
namespace {

/// As much as UDP over IPv4 carries (udp(7)).
constexpr std::size_t largest = 65'507;

std::vector<std::byte> gather(const msghdr& from) {
  std::vector<std::byte> all;
  for (const iovec& part : std::span(from.msg_iov, from.msg_iovlen)) {
    const std::span bytes(static_cast<const std::byte*>(part.iov_base), part.iov_len);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

/// @returns how many bytes there was room for.
std::size_t scatter(std::span<const std::byte> bytes, const msghdr& into) {
  std::size_t moved = 0;
  for (const iovec& part : std::span(into.msg_iov, into.msg_iovlen)) {
    const std::size_t size = std::min(part.iov_len, bytes.size() - moved);
    if (size != 0) std::memcpy(part.iov_base, bytes.data() + moved, size);
    moved += size;
  }
  return moved;
}

/// The address that `called` sees: of what is bound to all, the one that was called.
sim_address seen_from(const sim_address& local, const sim_address& called) {
  if (!is_wildcard(local)) return local;
  sim_address seen = called;
  set_port(seen, port_of(local));
  return seen;
}

}  // namespace

std::int32_t sim_network::answer_one(const open_datagram_call& ask) {
  sim_address wanted = no_address(ask.family);
  const bool picks = ask.family == AF_UNIX && ask.length == sizeof(sa_family_t);
  if (picks) wanted = abstract_name(next_name_++);
  if (ask.address != nullptr && !picks) {
    if (const int failed = read_address(ask.address, ask.length, wanted)) return failed;
  }
  sim_socket& made = make_socket(ask.family);
  made.datagrams = true;
  if (ask.address == nullptr) return made.fd;
  const std::int32_t failed = bind_datagrams(made, wanted, ask.reuse_port, ask.v6_only);
  if (failed == 0) return made.fd;
  sockets_.erase(made.fd);
  return failed;
}

std::int32_t sim_network::bind_datagrams(sim_socket& at, const sim_address& wanted,
                                         bool reuse_port, bool v6_only) {
  sim_address name = wanted;
  if (port_of(name) == 0) set_port(name, unused_port());
  if (taken(receivers_, name, reuse_port, v6_only)) return -EADDRINUSE;
  if (const int failed = claim_path(name, at.inode)) return failed;
  at.local = name;
  at.port = port_of(name);
  at.bound = true;
  at.shares_port = reuse_port;
  at.v6_only = v6_only;
  receivers_.push_back(at.fd);
  return 0;
}

std::int32_t sim_network::connect_datagrams(sim_socket& from, const sim_address& called) {
  if (is_local(called)) {
    sim_socket* const peer = find_receiver(called, from.local);
    const bool known = path_of(called).empty() || files_.contains(path_of(called));
    if (peer == nullptr) return known ? -ECONNREFUSED : -ENOENT;
  } else if (!from.bound) {
    const std::int32_t failed = bind_datagrams(from, from.local, false, false);
    if (failed != 0) return failed;
  }
  from.remote = called;
  if (!is_local(called)) from.local = seen_from(from.local, called);
  return 0;
}

/// Whom a message to `called` reaches: of those that share a port, the first.
sim_socket* sim_network::find_receiver(const sim_address& called,
                                       const sim_address& from) {
  for (const int fd : receivers_) {
    sim_socket& at = sockets_.at(fd);
    if (!hears(at.local, called, at.v6_only) || !has_its_file(at)) continue;
    // A connected one hears nobody else (udp(7)).
    if (at.remote.length != 0 && !same(at.remote, from)) continue;
    return &at;
  }
  return nullptr;
}

sim_network::outcome sim_network::receive_message(sim_socket& at, msghdr& into) {
  if (const std::int32_t error = std::exchange(at.error, 0)) return error;
  if (at.messages.empty()) return std::nullopt;
  const sim_datagram first = std::move(at.messages.front());
  at.messages.pop_front();
  const std::size_t moved = scatter(first.bytes, into);
  into.msg_flags = moved < first.bytes.size() ? MSG_TRUNC : 0;
  into.msg_controllen = 0;
  if (into.msg_name != nullptr) {
    std::memcpy(into.msg_name, &first.from.bytes,
                std::min(into.msg_namelen, first.from.length));
    into.msg_namelen = first.from.length;
  }
  // Whoever waits for room.
  for (auto& [fd, other] : sockets_)
    if (other.datagrams && !other.parked.empty()) touch(fd);
  return static_cast<std::int32_t>(moved);
}

sim_network::outcome sim_network::send_message(sim_socket& from, const msghdr& what,
                                               duration late) {
  if (what.msg_controllen != 0) return -EOPNOTSUPP;
  sim_address to;
  if (what.msg_name == nullptr) return send_datagram(from, gather(what), nullptr, late);
  const auto* const name = static_cast<const sockaddr*>(what.msg_name);
  if (const int failed = read_address(name, what.msg_namelen, to)) return failed;
  return send_datagram(from, gather(what), &to, late);
}

sim_network::outcome sim_network::send_datagram(sim_socket& from,
                                                std::vector<std::byte> bytes,
                                                const sim_address* to, duration late) {
  if (const std::int32_t error = std::exchange(from.error, 0)) return error;
  const bool pair = from.peer != 0;
  if (to == nullptr && from.remote.length == 0) return -EDESTADDRREQ;
  if (bytes.size() > largest) return -EMSGSIZE;
  sim_address called = to != nullptr ? *to : from.remote;
  if (is_wildcard(called)) set_loopback(called);
  if (!from.bound && !is_local(from.local)) {
    const std::int32_t failed = bind_datagrams(from, from.local, false, false);
    if (failed != 0) return failed;
  }
  const sim_address as = seen_from(from.local, called);
  const auto count = static_cast<std::int32_t>(bytes.size());
  const bool refused = faults_.conditions.refuses(port_of(called));
  sim_socket* const receiver = pair      ? find(from.peer)
                               : refused ? nullptr
                                         : find_receiver(called, as);
  if (receiver == nullptr) return refuse_datagram(from, called, late);
  const bool full = room(*receiver) < bytes.size() && !receiver->messages.empty();
  if (full && is_local(called)) return std::nullopt;
  const auto& now = faults_.conditions;
  const bool cut = now.cuts(port_of(called)) || now.cuts(port_of(as));
  if (full || cut || faults_.loses(now_)) return ++faults_.counts.losses, count;
  transmit(*receiver, {sim_parcel::kind::message, std::move(bytes), as}, late);
  return count;
}

/// Nobody hears it. Over UDP only a connected socket is told, and later.
sim_network::outcome sim_network::refuse_datagram(sim_socket& from, const sim_address& to,
                                                  duration late) {
  if (is_local(to)) {
    const std::string path = path_of(to);
    return path.empty() || files_.contains(path) ? -ECONNREFUSED : -ENOENT;
  }
  if (from.remote.length != 0) transmit(from, {sim_parcel::kind::refusal}, 2 * late);
  return 0;
}

std::int32_t sim_network::answer_one(const receive_messages_call& ask) {
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  std::int32_t count = 0;
  for (mmsghdr& each : ask.messages) {
    if (at->messages.empty() && at->error == 0) break;
    if (count > 0 && at->error != 0) break;
    const outcome got = receive_message(*at, each.msg_hdr);
    if (*got < 0) return *got;
    each.msg_len = static_cast<unsigned>(*got);
    ++count;
  }
  return count == 0 ? -EAGAIN : count;
}

std::int32_t sim_network::answer_one(const send_messages_call& ask) {
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  std::int32_t count = 0;
  for (mmsghdr& each : ask.messages) {
    const sim_fate fate =
        faults_.fate_of(send_message_request{ask.fd, &each.msg_hdr}, now_, true);
    const outcome sent = fate.error != 0 ? outcome(fate.error)
                                         : send_message(*at, each.msg_hdr, fate.late);
    if (!sent || *sent < 0) return count > 0 ? count : sent.value_or(-EAGAIN);
    each.msg_len = static_cast<unsigned>(*sent);
    ++count;
  }
  return count;
}

}  // namespace motet
