// SPDX-License-Identifier: MIT
#include "backend/uring/prepare.hpp"

#include <algorithm>
#include <cstdint>
#include <variant>

#include <poll.h>
#include <sys/socket.h>

namespace motet {
namespace {

// The kernel moves no more at a time, and results are 32 bits wide.
constexpr std::size_t most_bytes = 0x7fff'f000;

int wait_all(transfer amount) noexcept {
  return amount == transfer::whole ? MSG_WAITALL : 0;
}

void prepare_one(const accept_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_accept(&entry, ask.fd, nullptr, nullptr, SOCK_CLOEXEC);
}

void prepare_one(const connect_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_connect(&entry, ask.fd, ask.address, ask.length);
}

void prepare_one(const receive_request& ask, std::size_t done,
                 io_uring_sqe& entry) noexcept {
  const std::size_t size = std::min(ask.into.size(), most_bytes) - done;
  io_uring_prep_recv(&entry, ask.fd, ask.into.data() + done, size, wait_all(ask.amount));
}

void prepare_one(const send_request& ask, std::size_t done,
                 io_uring_sqe& entry) noexcept {
  const std::size_t size = std::min(ask.from.size(), most_bytes) - done;
  io_uring_prep_send(&entry, ask.fd, ask.from.data() + done, size,
                     MSG_NOSIGNAL | wait_all(ask.amount));
}

void prepare_one(const send_message_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_sendmsg(&entry, ask.fd, ask.message, MSG_NOSIGNAL);
}

void prepare_one(const poll_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_poll_add(&entry, ask.fd, static_cast<std::uint16_t>(ask.events));
}

struct readiness {
  int fd;
  short events;
};

readiness awaited_by(const accept_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by(const connect_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by(const receive_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by(const send_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by(const send_message_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by(const poll_request& ask) noexcept {
  return {ask.fd, ask.events};
}

template <class Bytes>
std::size_t bytes_of_whole(transfer amount, const Bytes& bytes) noexcept {
  return amount == transfer::whole ? std::min(bytes.size(), most_bytes) : 0;
}

}  // namespace

void prepare(const operation& op, io_uring_sqe& entry) noexcept {
  const auto done = static_cast<std::size_t>(op.result);
  std::visit([&](const auto& ask) { prepare_one(ask, done, entry); }, op.what);
}

void prepare_readiness(const operation& op, io_uring_sqe& entry) noexcept {
  const readiness awaited =
      std::visit([](const auto& ask) { return awaited_by(ask); }, op.what);
  io_uring_prep_poll_add(&entry, awaited.fd, static_cast<std::uint16_t>(awaited.events));
}

std::size_t bytes_to_move(const request& what) noexcept {
  if (const auto* ask = std::get_if<receive_request>(&what))
    return bytes_of_whole(ask->amount, ask->into);
  if (const auto* ask = std::get_if<send_request>(&what))
    return bytes_of_whole(ask->amount, ask->from);
  return 0;
}

}  // namespace motet
