// SPDX-License-Identifier: MIT
#include "backend/sim/sim_network.hpp"

#include "backend/sim/sim_address.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>
#include <variant>

#include <poll.h>

namespace motet {
namespace {

constexpr std::size_t buffer_size = std::size_t{64} * 1024;

int descriptor_of(const operation& op) noexcept {
  return std::visit([](const auto& ask) { return ask.fd; }, op.what);
}

std::int32_t count(std::size_t bytes) noexcept {
  return static_cast<std::int32_t>(bytes);
}

std::int32_t take_error(sim_socket& at, std::int32_t otherwise) noexcept {
  const std::int32_t error = std::exchange(at.error, 0);
  return error != 0 ? error : otherwise;
}

/// The other end is gone without having read everything, or heard from after it was gone.
void reset(sim_socket& at) noexcept {
  at.error = at.heard_all ? -EPIPE : -ECONNRESET;
  at.broken = true;
}

short readiness(const sim_socket& at, bool room) noexcept {
  const bool ended = at.heard_all || at.deaf || at.broken;
  int seen = 0;
  if (!at.received.empty() || !at.backlog.empty() || ended) seen |= POLLIN | POLLRDNORM;
  if (room || at.sent_all || at.broken) seen |= POLLOUT | POLLWRNORM;
  if (ended) seen |= POLLRDHUP;
  if (at.error != 0) seen |= POLLERR;
  if (at.broken || (at.sent_all && ended)) seen |= POLLHUP;
  if (at.is == sim_socket::role::fresh) seen |= POLLHUP | POLLOUT | POLLWRNORM;
  return static_cast<short>(seen);
}

}  // namespace

void sim_network::start(operation& op) {
  op.result = 0;  // Counts the bytes moved while the operation is parked.
  sim_socket* const at = find_open(descriptor_of(op));
  if (at == nullptr) return finish(op, -EBADF);
  at->parked.push_back(&op);
  touch(at->fd);
  settle();
}

void sim_network::withdraw(operation& op) {
  sim_socket* const at = find(descriptor_of(op));
  if (at == nullptr) return;
  const auto found = std::find(at->parked.begin(), at->parked.end(), &op);
  if (found == at->parked.end()) return;
  at->parked.erase(found);
  finish(op, op.result > 0 ? op.result : -ECANCELED);
  touch(at->fd);
  settle();
}

operation* sim_network::take_finished() noexcept {
  last_finished_ = &first_finished_;
  return std::exchange(first_finished_, nullptr);
}

void sim_network::finish(operation& op, std::int32_t result) noexcept {
  op.result = result;
  op.next = nullptr;
  *last_finished_ = &op;
  last_finished_ = &op.next;
}

void sim_network::touch(int fd) {
  if (fd != 0) touched_.push_back(fd);
}

void sim_network::settle() {
  while (!touched_.empty()) {
    sim_socket* const at = find(touched_.front());
    touched_.pop_front();
    if (at == nullptr) continue;
    retry_parked(*at);
    // As in Linux, a closed socket lives on while an operation holds it.
    if (!at->open && !at->queued && at->parked.empty()) hang_up(*at);
  }
}

void sim_network::retry_parked(sim_socket& at) {
  for (std::size_t i = 0; i < at.parked.size();) {
    operation& op = *at.parked[i];
    const outcome result = attempt(op);
    if (!result) {
      ++i;
      continue;
    }
    at.parked.erase(std::next(at.parked.begin(), static_cast<std::ptrdiff_t>(i)));
    finish(op, *result);
  }
}

sim_network::outcome sim_network::attempt(operation& op) {
  sim_socket& at = sockets_.at(descriptor_of(op));
  return std::visit([&](const auto& ask) { return attempt_one(op, at, ask); }, op.what);
}

sim_network::outcome sim_network::attempt_one(operation&, sim_socket& at,
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

sim_network::outcome sim_network::attempt_one(operation&, sim_socket& at,
                                              const connect_request& ask) {
  if (at.is != sim_socket::role::fresh) return -EISCONN;
  sim_address called;
  if (const int failed = read_address(ask.address, ask.length, called)) return failed;
  if (called.bytes.ss_family != at.local.bytes.ss_family) return -EAFNOSUPPORT;
  if (is_wildcard(called)) set_loopback(called);
  sim_socket* const listener = find_listener(called);
  if (listener == nullptr) return -ECONNREFUSED;
  // Linux, too, lets one more wait than the limit says.
  if (listener->backlog.size() <= listener->limit) return connect(at, *listener, called);
  listener->callers.push_back(at.fd);
  return std::nullopt;
}

std::int32_t sim_network::connect(sim_socket& from, sim_socket& to,
                                  const sim_address& called) {
  sim_socket& accepted = make_socket(called.bytes.ss_family);
  accepted.open = false;
  accepted.queued = true;
  accepted.is = from.is = sim_socket::role::connected;
  accepted.peer = from.fd;
  from.peer = accepted.fd;
  accepted.local = from.remote = called;
  // A machine that calls itself does so from the address it calls.
  accepted.remote = from.local = called;
  set_port(from.local, unused_port());
  set_port(accepted.remote, port_of(from.local));
  to.backlog.push_back(accepted.fd);
  touch(to.fd);
  return 0;
}

sim_network::outcome sim_network::attempt_one(operation& op, sim_socket& at,
                                              const receive_request& ask) {
  if (at.is != sim_socket::role::connected) return -ENOTCONN;
  const std::span<std::byte> free = ask.into.subspan(static_cast<std::size_t>(op.result));
  if (!at.received.empty()) {
    const std::size_t moved = std::min(free.size(), at.received.size());
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

sim_network::outcome sim_network::attempt_one(operation& op, sim_socket& at,
                                              const send_request& ask) {
  const std::span rest = ask.from.subspan(static_cast<std::size_t>(op.result));
  const outcome sent = send(at, rest);
  if (!sent) return std::nullopt;
  if (*sent < 0) return op.result > 0 ? op.result : *sent;
  op.result += *sent;
  const bool done = count(rest.size()) == *sent || ask.amount == transfer::some;
  return done ? outcome(op.result) : std::nullopt;
}

sim_network::outcome sim_network::attempt_one(operation& op, sim_socket& at,
                                              const send_message_request& ask) {
  for (const iovec& part : std::span(ask.message->msg_iov, ask.message->msg_iovlen)) {
    const std::span bytes(static_cast<const std::byte*>(part.iov_base), part.iov_len);
    const outcome sent = send(at, bytes);
    if (!sent || *sent < 0) return op.result > 0 ? outcome(op.result) : sent;
    op.result += *sent;
    if (count(bytes.size()) != *sent) break;
  }
  return op.result;
}

/// Sends as much as there is room for; nothing when there is none.
sim_network::outcome sim_network::send(sim_socket& from,
                                       std::span<const std::byte> bytes) {
  const bool connected = from.is == sim_socket::role::connected;
  if (!connected || from.broken || from.sent_all) return take_error(from, -EPIPE);
  if (bytes.empty()) return 0;
  sim_socket* const to = find(from.peer);
  if (to == nullptr) {
    // The first bytes sent to a closed socket seem to arrive; their echo is a reset.
    reset(from);
    touch(from.fd);
    return count(bytes.size());
  }
  const std::size_t room = buffer_size - to->received.size();
  if (room == 0) return std::nullopt;
  const std::span part = bytes.first(std::min(room, bytes.size()));
  to->received.insert(to->received.end(), part.begin(), part.end());
  touch(to->fd);
  return count(part.size());
}

sim_network::outcome sim_network::attempt_one(operation&, sim_socket& at,
                                              const poll_request& ask) {
  const sim_socket* const peer = find(at.peer);
  const bool room = at.is == sim_socket::role::connected &&
                    (peer == nullptr || peer->received.size() < buffer_size);
  const int seen = readiness(at, room) & (ask.events | POLLERR | POLLHUP);
  return seen != 0 ? outcome(seen) : std::nullopt;
}

void sim_network::stop_listening(sim_socket& at) {
  at.is = sim_socket::role::fresh;
  std::erase(listeners_, at.fd);
  for (const int fd : std::exchange(at.backlog, {})) {
    sim_socket& never_accepted = sockets_.at(fd);
    sim_socket* const peer = find(never_accepted.peer);
    if (peer != nullptr) {
      reset(*peer);
      peer->peer = 0;
      touch(peer->fd);
    }
    sockets_.erase(fd);
  }
  for (const int caller : std::exchange(at.callers, {}))
    touch(caller);
}

/// The last that `gone` does. It is no longer there afterwards.
void sim_network::hang_up(sim_socket& gone) {
  if (gone.is == sim_socket::role::listening) stop_listening(gone);
  if (sim_socket* const peer = find(gone.peer)) {
    if (gone.received.empty()) {
      peer->heard_all = true;
    } else {
      reset(*peer);
    }
    peer->peer = 0;
    touch(peer->fd);
  }
  sockets_.erase(gone.fd);
}

}  // namespace motet
