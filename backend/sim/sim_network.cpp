// SPDX-License-Identifier: MIT
#include "backend/sim/sim_network.hpp"

#include "backend/posix/attempt.hpp"
#include "backend/posix/read_write.hpp"
#include "backend/posix/requests.hpp"
#include "backend/sim/sim_address.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>
#include <variant>

#include <poll.h>

namespace motet {
namespace {

int descriptor_of(const operation& op) noexcept {
  return std::visit([](const auto& ask) { return ask.fd; }, op.what);
}

/// Whether this is about one of the system's files.
bool is_real(const operation& op) noexcept {
  const bool reads = std::holds_alternative<read_request>(op.what) ||
                     std::holds_alternative<read_pieces_request>(op.what);
  const bool writes = std::holds_alternative<write_request>(op.what) ||
                      std::holds_alternative<write_pieces_request>(op.what);
  const bool about_files = reads || writes || always_on_disk(op.what);
  return about_files && descriptor_of(op) < sim_network::first_descriptor;
}

/// Disks are not simulated, nor is what a program has inherited. They take no time: the
/// simulation stands still meanwhile.
std::int32_t result_of_system(operation& op) noexcept {
  for (;;) {
    if (const auto result = attempt(op)) return *result;
    const readiness awaited = awaited_by(op.what);
    pollfd until{awaited.fd, awaited.events, 0};
    ::poll(&until, 1, -1);
  }
}

/// The other end is gone without having read everything, or heard from after it was gone.
void reset(sim_socket& at) noexcept {
  at.error = at.heard_all ? -EPIPE : -ECONNRESET;
  at.broken = true;
}

}  // namespace

void sim_network::start(operation& op) {
  op.result = 0;  // Counts the bytes moved while the operation is parked.
  sim_socket* const at = find_open(descriptor_of(op));
  const bool breaks = at != nullptr && !at->is_pipe();
  const sim_fate fate = faults_.fate_of(op.what, now_, breaks);
  if (fate.error != 0) return finish(op, fate.error);
  if (at == nullptr) return finish(op, is_real(op) ? result_of_system(op) : -EBADF);
  if (fate.reset) break_connection(*at);
  at->parked.push_back({&op, fate});
  touch(at->fd);
  settle();
}

void sim_network::withdraw(operation& op) {
  sim_socket* const at = find(descriptor_of(op));
  if (at == nullptr) return;
  const auto found = std::find_if(at->parked.begin(), at->parked.end(),
                                  [&](const sim_waiting& w) { return w.op == &op; });
  if (found == at->parked.end()) return;
  at->parked.erase(found);
  at->answer.reset();
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
    const outcome result = attempt(at.parked[i]);
    if (!result) {
      ++i;
      continue;
    }
    operation& op = *at.parked[i].op;
    at.parked.erase(std::next(at.parked.begin(), static_cast<std::ptrdiff_t>(i)));
    finish(op, *result);
  }
}

time_point sim_network::next_arrival() const noexcept {
  return arrivals_.empty() ? time_point::max() : arrivals_.begin()->first;
}

void sim_network::pass(time_point until) {
  while (next_arrival() <= until) {
    const auto [when, fd] = *arrivals_.begin();
    arrivals_.erase(arrivals_.begin());
    now_ = std::max(now_, when);
    if (sim_socket* const at = find(fd)) take_in(*at);
    settle();
  }
  now_ = std::max(now_, until);
}

/// Sends something to an end of a connection.
void sim_network::transmit(sim_socket& to, sim_parcel what, duration late) {
  const bool held = holds_up(to) || !to.line.empty();
  if (!held && late <= duration::zero()) return deliver(to, what);
  to.line.put(std::move(what), detail::add_saturated(now_, late));
  expect(to, to.line.next());
}

/// Has a socket looked at later.
void sim_network::expect(const sim_socket& at, time_point when) {
  if (!holds_up(at)) arrivals_.insert({std::max(now_, when), at.fd});
}

void sim_network::take_in(sim_socket& at) {
  touch(at.fd);
  if (holds_up(at)) return;
  while (!at.line.empty() && at.line.next() <= now_) {
    sim_parcel arrived = at.line.take();
    deliver(at, arrived);
  }
  if (!at.line.empty()) expect(at, at.line.next());
}

void sim_network::deliver(sim_socket& to, sim_parcel& what) {
  switch (what.what) {
    case sim_parcel::kind::bytes:
      to.received.insert(to.received.end(), what.bytes.begin(), what.bytes.end());
      break;
    case sim_parcel::kind::end:
      to.heard_all = true;
      break;
    case sim_parcel::kind::reset:
      reset(to);
      break;
    case sim_parcel::kind::message:
      to.messages.push_back({std::move(what.bytes), what.from});
      break;
    case sim_parcel::kind::refusal:
      to.error = -ECONNREFUSED;
      break;
  }
  touch(to.fd);
}

void sim_network::set_conditions(sim_conditions wanted) {
  faults_.conditions = std::move(wanted);
  for (auto& [fd, at] : sockets_) {
    if (!at.line.empty()) expect(at, at.line.next());
    if (at.answer) expect(at, *at.answer);
    touch(fd);
  }
  settle();
}

/// As if a reset had come from either side.
void sim_network::break_connection(sim_socket& at) {
  if (at.is != sim_socket::role::connected || at.broken) return;
  ++faults_.counts.resets;
  sim_socket* const peer = find(at.peer);
  for (sim_socket* const end : {&at, peer}) {
    if (end == nullptr) continue;
    reset(*end);
    end->line.clear();
    end->peer = 0;
    touch(end->fd);
  }
}

void sim_network::reset_connections(std::uint16_t port) {
  for (auto& [fd, at] : sockets_)
    if (port == sim_conditions::any_port || at.port == port) break_connection(at);
  settle();
}

void sim_network::stop_listening(sim_socket& at) {
  at.is = sim_socket::role::fresh;
  std::erase(listeners_, at.fd);
  for (const int fd : std::exchange(at.backlog, {})) {
    sim_socket& never_accepted = sockets_.at(fd);
    sim_socket* const peer = find(never_accepted.peer);
    if (peer != nullptr) {
      transmit(*peer, {sim_parcel::kind::reset}, faults_.conditions.least_delay);
      peer->peer = 0;
    }
    sockets_.erase(fd);
  }
  for (const int caller : std::exchange(at.callers, {}))
    touch(caller);
}

/// The last that `gone` does. It is no longer there afterwards.
void sim_network::hang_up(sim_socket& gone) {
  if (gone.is == sim_socket::role::listening) stop_listening(gone);
  std::erase(receivers_, gone.fd);
  if (sim_socket* const peer = find(gone.peer); peer != nullptr && gone.datagrams) {
    peer->peer = 0;
  } else if (peer != nullptr) {
    const bool unread = !gone.received.empty() || gone.line.bytes() != 0;
    const auto last = unread ? sim_parcel::kind::reset : sim_parcel::kind::end;
    transmit(*peer, {last}, faults_.conditions.least_delay);
    peer->peer = 0;
  }
  sockets_.erase(gone.fd);
}

}  // namespace motet
