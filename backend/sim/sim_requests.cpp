// SPDX-License-Identifier: MIT
#include "backend/multishot.hpp"
#include "backend/sim/sim_address.hpp"
#include "backend/sim/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <poll.h>

namespace motet {
namespace {

std::int32_t count(std::size_t bytes) noexcept {
  return static_cast<std::int32_t>(bytes);
}

std::int32_t take_error(sim_socket& at, std::int32_t otherwise) noexcept {
  const std::int32_t error = std::exchange(at.error, 0);
  return error != 0 ? error : otherwise;
}

short readiness_of(const sim_socket& at, bool room) noexcept {
  const bool ended = at.heard_all || at.deaf || at.broken;
  int seen = 0;
  if (at.datagrams) {
    if (!at.messages.empty()) seen |= POLLIN | POLLRDNORM;
    if (room) seen |= POLLOUT | POLLWRNORM;
    if (at.error != 0) seen |= POLLERR;
    return static_cast<short>(seen);
  }
  if (!at.received.empty() || !at.backlog.empty() || ended) seen |= POLLIN | POLLRDNORM;
  if (room || at.sent_all || at.broken) seen |= POLLOUT | POLLWRNORM;
  if (ended) seen |= POLLRDHUP;
  if (at.error != 0) seen |= POLLERR;
  if (at.broken || (at.sent_all && ended)) seen |= POLLHUP;
  if (at.is == sim_socket::role::fresh) seen |= POLLHUP | POLLOUT | POLLWRNORM;
  return static_cast<short>(seen);
}

bool is_for_sockets(const request& what) noexcept {
  return std::holds_alternative<accept_request>(what) ||
         std::holds_alternative<connect_request>(what) ||
         std::holds_alternative<receive_request>(what) ||
         std::holds_alternative<send_request>(what) ||
         std::holds_alternative<send_message_request>(what) ||
         std::holds_alternative<next_request>(what);
}

std::size_t size_of(std::span<const iovec> pieces) noexcept {
  std::size_t all = 0;
  for (const iovec& each : pieces)
    all += each.iov_len;
  return all;
}

}  // namespace

sim_network::outcome sim_network::attempt(sim_waiting& waiting) {
  const request& what = waiting.op->what;
  sim_socket& at = sockets_.at(std::visit([](const auto& ask) { return ask.fd; }, what));
  if (at.is_pipe() && is_for_sockets(what)) return -ENOTSOCK;
  return std::visit([&](const auto& ask) { return attempt_one(waiting, at, ask); }, what);
}

sim_network::outcome sim_network::attempt_one(sim_waiting&, sim_socket& at,
                                              const accept_request&) {
  if (at.is != sim_socket::role::listening) return -EINVAL;
  if (at.backlog.empty()) return std::nullopt;
  sim_socket& accepted = sockets_.at(at.backlog.front());
  at.backlog.pop_front();
  accepted.queued = false;
  accepted.open = true;
  for (const int caller : std::exchange(at.callers, {}))
    touch(caller);
  return accepted.fd;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const connect_request& ask) {
  if (at.is != sim_socket::role::fresh) return -EISCONN;
  sim_address called;
  if (const int failed = read_address(ask.address, ask.length, called)) return failed;
  if (called.bytes.ss_family != at.local.bytes.ss_family) return -EAFNOSUPPORT;
  if (is_wildcard(called)) set_loopback(called);
  if (at.datagrams) return connect_datagrams(at, called);
  at.port = port_of(called);
  if (!reaches(at, of.fate)) return std::nullopt;
  const bool refused = faults_.conditions.refuses(at.port);
  if (refused) ++faults_.counts.refusals;
  sim_socket* const listener = refused ? nullptr : find_listener(called);
  if (listener == nullptr) {
    at.answer.reset();
    const std::string path = path_of(called);
    return path.empty() || files_.contains(path) ? -ECONNREFUSED : -ENOENT;
  }
  // Linux, too, lets one more wait than the limit says.
  if (listener->backlog.size() > listener->limit) {
    listener->callers.push_back(at.fd);
    return std::nullopt;
  }
  const sim_socket& accepted = connect(at, called);
  listener->backlog.push_back(accepted.fd);
  touch(listener->fd);
  return 0;
}

/// Whether a caller has heard from the other end: there and back, everything takes time.
bool sim_network::reaches(sim_socket& from, const sim_fate& fate) {
  if (!from.answer) {
    from.answer = detail::add_saturated(now_, 2 * fate.late);
    if (*from.answer > now_) expect(from, *from.answer);
  }
  return now_ >= *from.answer && !faults_.conditions.cuts(from.port);
}

/// @returns the other end, which has yet to be accepted.
sim_socket& sim_network::connect(sim_socket& from, const sim_address& called) {
  sim_socket& accepted = make_socket(called.bytes.ss_family);
  accepted.open = false;
  accepted.queued = true;
  accepted.is = from.is = sim_socket::role::connected;
  accepted.peer = from.fd;
  from.peer = accepted.fd;
  accepted.port = from.port = port_of(called);
  accepted.local = from.remote = called;
  // A machine that calls itself does so from the address it calls; a Unix socket has
  // none.
  if (!is_local(called)) from.local = called;
  set_port(from.local, unused_port());
  accepted.remote = from.local;
  from.answer.reset();
  return accepted;
}

std::pair<int, int> sim_network::make_pair() {
  sim_address called = no_address(AF_INET);
  set_loopback(called);
  set_port(called, unused_port());
  sim_socket& near = make_socket(AF_INET);
  sim_socket& far = connect(near, called);
  far.queued = false;
  far.open = true;
  return {near.fd, far.fd};
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const receive_request& ask) {
  operation& op = *of.op;
  if (at.datagrams) {
    iovec part{ask.into.data(), ask.into.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return receive_message(at, message);
  }
  if (at.is != sim_socket::role::connected) return -ENOTCONN;
  const std::span<std::byte> free = ask.into.subspan(static_cast<std::size_t>(op.result));
  if (!at.received.empty()) {
    std::size_t moved = std::min(free.size(), at.received.size());
    if (ask.amount == transfer::some && moved > of.fate.most) {
      moved = of.fate.most;
      ++faults_.counts.short_transfers;
    }
    const auto end = std::next(at.received.begin(), static_cast<std::ptrdiff_t>(moved));
    std::copy(at.received.begin(), end, free.begin());
    at.received.erase(at.received.begin(), end);
    op.result += count(moved);
    touch(at.peer);
    if (moved == free.size() || ask.amount == transfer::some) return op.result;
  }
  if (at.heard_all || at.deaf) return op.result;
  // As with Linux: who got a part of it is not told the error, and next reads the end.
  if (at.broken) return op.result > 0 ? (at.error = 0, op.result) : take_error(at, 0);
  return std::nullopt;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const send_request& ask) {
  operation& op = *of.op;
  if (at.datagrams)
    return send_datagram(at, {ask.from.begin(), ask.from.end()}, nullptr, of.fate.late);
  std::span rest = ask.from.subspan(static_cast<std::size_t>(op.result));
  if (ask.amount == transfer::some && rest.size() > of.fate.most) {
    rest = rest.first(of.fate.most);
    ++faults_.counts.short_transfers;
  }
  const outcome sent = send(at, rest, of.fate);
  if (!sent) return std::nullopt;
  if (*sent < 0) return op.result > 0 ? op.result : *sent;
  op.result += *sent;
  const bool done = count(rest.size()) == *sent || ask.amount == transfer::some;
  return done ? outcome(op.result) : std::nullopt;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const send_message_request& ask) {
  if (at.datagrams) return send_message(at, *ask.message, of.fate.late);
  // There are no descriptors here that could be given away.
  if (ask.message->msg_controllen != 0) return -EOPNOTSUPP;
  return send_pieces(of, at, {ask.message->msg_iov, ask.message->msg_iovlen});
}

sim_network::outcome sim_network::send_pieces(sim_waiting& of, sim_socket& at,
                                              std::span<const iovec> pieces) {
  operation& op = *of.op;
  for (const iovec& part : pieces) {
    const auto left = of.fate.most - static_cast<std::size_t>(op.result);
    const std::span bytes(static_cast<const std::byte*>(part.iov_base), part.iov_len);
    const outcome sent = send(at, bytes.first(std::min(left, bytes.size())), of.fate);
    if (!sent || *sent < 0) return op.result > 0 ? outcome(op.result) : sent;
    op.result += *sent;
    if (left < bytes.size()) ++faults_.counts.short_transfers;
    if (count(bytes.size()) != *sent) break;
  }
  return op.result;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const receive_message_request& ask) {
  if (at.datagrams) return receive_message(at, *ask.message);
  const std::span parts(ask.message->msg_iov, ask.message->msg_iovlen);
  if (parts.empty()) return 0;
  const std::span into(static_cast<std::byte*>(parts[0].iov_base), parts[0].iov_len);
  const outcome got = attempt_one(of, at, receive_request{ask.fd, into, transfer::some});
  if (got) ask.message->msg_controllen = ask.message->msg_namelen = 0;
  if (got) ask.message->msg_flags = 0;
  return got;
}

/// How much more can be sent to this end.
std::size_t sim_network::room(const sim_socket& at) const noexcept {
  std::size_t taken = at.received.size() + at.line.bytes();
  for (const sim_datagram& each : at.messages)
    taken += each.bytes.size();
  return faults_.conditions.buffer - std::min(faults_.conditions.buffer, taken);
}

/// How much can be sent from this end.
std::size_t sim_network::room_of_peer(sim_socket& of) noexcept {
  if (!of.datagrams && of.is != sim_socket::role::connected) return 0;
  const sim_socket* const peer = find(of.peer);
  return peer == nullptr ? sim_conditions::unlimited : room(*peer);
}

/// Sends as much as there is room for; nothing when there is none.
sim_network::outcome sim_network::send(sim_socket& from, std::span<const std::byte> bytes,
                                       const sim_fate& fate) {
  const bool connected = from.is == sim_socket::role::connected;
  if (!connected || from.broken || from.sent_all) return take_error(from, -EPIPE);
  if (bytes.empty()) return 0;
  sim_socket* const to = find(from.peer);
  if (to == nullptr) {
    // The first bytes sent to a closed socket seem to arrive; their echo is a reset.
    transmit(from, {sim_parcel::kind::reset}, 2 * fate.late);
    return count(bytes.size());
  }
  const std::size_t free = room(*to);
  if (free == 0) return std::nullopt;
  const std::span part = bytes.first(std::min(free, bytes.size()));
  transmit(*to, {sim_parcel::kind::bytes, {part.begin(), part.end()}}, fate.late);
  return count(part.size());
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const read_request& ask) {
  if (ask.offset != current_offset) return -ESPIPE;
  if (at.is_pipe()) return read_pipe(of, at, ask.into);
  return attempt_one(of, at, receive_request{ask.fd, ask.into, transfer::some});
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const write_request& ask) {
  if (ask.offset != current_offset) return -ESPIPE;
  if (at.is_pipe()) return write_pipe(of, at, ask.from);
  return attempt_one(of, at, send_request{ask.fd, ask.from, transfer::some});
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const next_request& ask) {
  if (ask.kind == multishot_kind::accept)
    return attempt_one(of, at, accept_request{ask.fd});
  const std::size_t most = std::min(at.received.size(), multishot::lent_size);
  std::vector<std::byte> room(std::max<std::size_t>(most, 1));
  const outcome got = attempt_one(of, at, receive_request{ask.fd, room, transfer::some});
  ask.from->lent = got.value_or(0) > 0
                       ? kept_copy(std::span(room).first(static_cast<std::size_t>(*got)))
                       : nullptr;
  return got;
}

sim_network::outcome sim_network::attempt_one(sim_waiting&, sim_socket&,
                                              const end_request&) {
  return 0;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const read_pieces_request& ask) {
  std::vector<std::byte> all(size_of(ask.into));
  const outcome got = attempt_one(of, at, read_request{ask.fd, all, ask.offset});
  std::span<const std::byte> left(all.data(),
                                  static_cast<std::size_t>(std::max(got.value_or(0), 0)));
  for (const iovec& each : ask.into) {
    const std::span part = left.first(std::min(each.iov_len, left.size()));
    std::ranges::copy(part, static_cast<std::byte*>(each.iov_base));
    left = left.subspan(part.size());
  }
  return got;
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const write_pieces_request& ask) {
  if (ask.offset != current_offset) return -ESPIPE;
  if (!at.is_pipe()) return send_pieces(of, at, ask.from);
  std::vector<std::byte> all;
  for (const iovec& each : ask.from) {
    const auto* const from = static_cast<const std::byte*>(each.iov_base);
    all.insert(all.end(), from, from + each.iov_len);
  }
  return write_pipe(of, at, all);
}

sim_network::outcome sim_network::attempt_one(sim_waiting&, sim_socket& at,
                                              const poll_request& ask) {
  const short state =
      at.is_pipe() ? pipe_readiness(at) : readiness_of(at, room_of_peer(at) > 0);
  const int seen = state & (ask.events | POLLERR | POLLHUP);
  return seen != 0 ? outcome(seen) : std::nullopt;
}

}  // namespace motet
