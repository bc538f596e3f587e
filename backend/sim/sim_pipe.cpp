// SPDX-License-Identifier: MIT
// Pipes: connections that go one way, and never break.
#include "backend/sim/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>
#include <utility>
#include <vector>

#include <poll.h>

namespace motet {

sim_network::outcome sim_network::read_pipe(const sim_waiting& of, sim_socket& at,
                                            std::span<std::byte> into) {
  if (at.is != sim_socket::role::pipe_reader) return -EBADF;
  if (into.empty()) return 0;
  if (at.received.empty()) return at.heard_all ? outcome(0) : std::nullopt;
  std::size_t moved = std::min(into.size(), at.received.size());
  if (moved > of.fate.most) {
    moved = of.fate.most;
    ++faults_.counts.short_transfers;
  }
  const auto end = std::next(at.received.begin(), static_cast<std::ptrdiff_t>(moved));
  std::copy(at.received.begin(), end, into.begin());
  at.received.erase(at.received.begin(), end);
  touch(at.peer);
  return static_cast<std::int32_t>(moved);
}

sim_network::outcome sim_network::write_pipe(const sim_waiting& of, sim_socket& at,
                                             std::span<const std::byte> from) {
  if (at.is != sim_socket::role::pipe_writer) return -EBADF;
  sim_socket* const reader = find(at.peer);
  if (reader == nullptr) return -EPIPE;
  if (from.empty()) return 0;
  const std::size_t free = room(*reader);
  // What is small goes in as a whole (pipe(7)).
  const std::size_t least = from.size() <= PIPE_BUF ? from.size() : 1;
  if (free < std::min(least, faults_.conditions.buffer)) return std::nullopt;
  std::size_t moved = std::min(free, from.size());
  if (moved > of.fate.most) {
    moved = of.fate.most;
    ++faults_.counts.short_transfers;
  }
  const std::span part = from.first(moved);
  transmit(*reader, {sim_parcel::kind::bytes, {part.begin(), part.end()}}, of.fate.late);
  return static_cast<std::int32_t>(moved);
}

sim_network::outcome sim_network::attempt_one(sim_waiting& of, sim_socket& at,
                                              const splice_request& ask) {
  using role = sim_socket::role;
  sim_socket* const to = find_open(ask.to);
  if (to == nullptr) return -EBADF;
  const bool from_pipe = at.is == role::pipe_reader;
  const bool to_pipe = to->is == role::pipe_writer;
  if (ask.stays ? !from_pipe || !to_pipe : !from_pipe && !to_pipe) return -EINVAL;
  if (!from_pipe && at.is != role::connected) return -ENOTCONN;
  if (ask.size == 0) return 0;
  if (at.received.empty()) {
    if (at.error != 0) return std::exchange(at.error, 0);
    return at.heard_all || at.deaf || at.broken ? 0 : -EAGAIN;
  }
  const std::size_t most = std::min({ask.size, at.received.size(), of.fate.most});
  const auto end = std::next(at.received.begin(), static_cast<std::ptrdiff_t>(most));
  const std::vector<std::byte> bytes(at.received.begin(), end);
  const outcome sent = to_pipe ? splice_into(of, *to, bytes) : send(*to, bytes, of.fate);
  if (!sent) return -EAGAIN;
  if (*sent <= 0 || ask.stays) return sent;
  at.received.erase(at.received.begin(), std::next(at.received.begin(), *sent));
  touch(at.peer);
  return sent;
}

/// Unlike a write, it moves what there is room for.
sim_network::outcome sim_network::splice_into(const sim_waiting& of, sim_socket& at,
                                              std::span<const std::byte> from) {
  const sim_socket* const reader = find(at.peer);
  const std::size_t free = reader == nullptr ? from.size() : room(*reader);
  if (free == 0) return std::nullopt;
  return write_pipe(of, at, from.first(std::min(free, from.size())));
}

short sim_network::pipe_readiness(const sim_socket& at) {
  int seen = 0;
  if (at.is == sim_socket::role::pipe_reader) {
    if (!at.received.empty()) seen |= POLLIN | POLLRDNORM;
    if (at.heard_all) seen |= POLLHUP;
  } else {
    const sim_socket* const reader = find(at.peer);
    if (reader == nullptr) seen |= POLLERR;
    if (reader == nullptr || room(*reader) > 0) seen |= POLLOUT | POLLWRNORM;
  }
  return static_cast<short>(seen);
}

}  // namespace motet
