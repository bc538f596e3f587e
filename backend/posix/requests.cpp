// SPDX-License-Identifier: MIT
#include "backend/posix/requests.hpp"

#include <algorithm>
#include <variant>

#include <poll.h>

namespace motet {
namespace {

readiness awaited_by_one(const accept_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by_one(const connect_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by_one(const receive_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by_one(const send_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by_one(const send_message_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by_one(const receive_message_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by_one(const poll_request& ask) noexcept {
  return {ask.fd, ask.events};
}
readiness awaited_by_one(const read_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by_one(const write_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}
readiness awaited_by_one(const read_pieces_request& ask) noexcept {
  return {ask.fd, POLLIN};
}
readiness awaited_by_one(const write_pieces_request& ask) noexcept {
  return {ask.fd, POLLOUT};
}

readiness awaited_by_one(const splice_request& ask) noexcept {
  return {ask.fd, POLLIN};
}

readiness awaited_by_one(const next_request& ask) noexcept {
  return {ask.fd, POLLIN};
}

/// What remains is a matter of disks.
template <class Request>
readiness awaited_by_one(const Request& ask) noexcept {
  return {ask.fd, 0};
}

template <class Bytes>
std::size_t bytes_of_whole(transfer amount, const Bytes& bytes) noexcept {
  return amount == transfer::whole ? std::min(bytes.size(), most_bytes) : 0;
}

}  // namespace

readiness awaited_by(const request& what) noexcept {
  return std::visit([](const auto& ask) { return awaited_by_one(ask); }, what);
}

std::size_t bytes_to_move(const request& what) noexcept {
  if (const auto* ask = std::get_if<receive_request>(&what))
    return bytes_of_whole(ask->amount, ask->into);
  if (const auto* ask = std::get_if<send_request>(&what))
    return bytes_of_whole(ask->amount, ask->from);
  return 0;
}

}  // namespace motet
