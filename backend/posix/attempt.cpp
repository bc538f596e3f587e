// SPDX-License-Identifier: MIT
#include "backend/posix/attempt.hpp"

#include "backend/multishot.hpp"
#include "backend/posix/non_blocking.hpp"
#include "backend/posix/on_disk.hpp"
#include "backend/posix/read_write.hpp"
#include "backend/posix/requests.hpp"
#include "backend/posix/result_of.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <type_traits>
#include <variant>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet {
namespace {

using outcome = std::optional<std::int32_t>;

/// What `connect_request` keeps in `operation::result` once it is under way.
constexpr std::int32_t connecting = -EINPROGRESS;

outcome unless_not_ready(std::int64_t result) noexcept {
  if (result == -EAGAIN || result == -EWOULDBLOCK) return std::nullopt;
  return static_cast<std::int32_t>(result);
}

outcome attempt_one(operation&, const accept_request& ask) noexcept {
  const non_blocking during(ask.fd);
  return unless_not_ready(
      result_of([&] { return ::accept4(ask.fd, nullptr, nullptr, SOCK_CLOEXEC); }));
}

/// Asked again while it is under way, connect(2) tells how it went. That needs no guess
/// from readiness, which others may have caused.
outcome attempt_one(operation& op, const connect_request& ask) noexcept {
  const non_blocking during(ask.fd);
  const bool again = op.result == connecting;
  const int failed = ::connect(ask.fd, ask.address, ask.length) == 0 ? 0 : errno;
  // An interrupted connect goes on by itself (connect(2)).
  if (failed == EINPROGRESS || failed == EINTR || (again && failed == EALREADY)) {
    op.result = connecting;
    return std::nullopt;
  }
  if (again && failed == EISCONN) return 0;
  // EAGAIN is a Unix socket's: the listener's queue is full, and nothing has begun.
  return -failed;
}

/// Moves a part of `bytes`, of which `op.result` have moved already.
template <class Byte, class Move>
outcome attempt_transfer(operation& op, std::span<Byte> bytes, transfer amount,
                         Move move) noexcept {
  const auto done = static_cast<std::size_t>(op.result);
  const std::size_t most = std::min(bytes.size(), most_bytes);
  const std::int64_t moved =
      result_of([&] { return move(bytes.data() + done, most - done); });
  if (amount == transfer::some) return unless_not_ready(moved);
  if (moved == -EAGAIN) return std::nullopt;
  if (moved <= 0) return done > 0 ? op.result : static_cast<std::int32_t>(moved);
  op.result += static_cast<std::int32_t>(moved);
  // Short means that there is no more for now; what stopped it shows next time.
  if (static_cast<std::size_t>(op.result) < most) return std::nullopt;
  return op.result;
}

outcome attempt_one(operation& op, const receive_request& ask) noexcept {
  return attempt_transfer(op, ask.into, ask.amount, [&](std::byte* to, std::size_t size) {
    return ::recv(ask.fd, to, size, MSG_DONTWAIT);
  });
}

outcome attempt_one(operation& op, const send_request& ask) noexcept {
  return attempt_transfer(
      op, ask.from, ask.amount, [&](const std::byte* from, std::size_t size) {
        return ::send(ask.fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      });
}

outcome attempt_one(operation&, const send_message_request& ask) noexcept {
  return unless_not_ready(result_of(
      [&] { return ::sendmsg(ask.fd, ask.message, MSG_DONTWAIT | MSG_NOSIGNAL); }));
}

outcome attempt_one(operation&, const receive_message_request& ask) noexcept {
  return unless_not_ready(result_of(
      [&] { return ::recvmsg(ask.fd, ask.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); }));
}

outcome attempt_one(operation&, const poll_request& ask) noexcept {
  // poll(2) ignores what is negative.
  if (ask.fd < 0) return -EBADF;
  pollfd asked{ask.fd, ask.events, 0};
  const std::int64_t failed = result_of([&] { return ::poll(&asked, 1, 0); });
  if (failed < 0) return static_cast<std::int32_t>(failed);
  if ((asked.revents & POLLNVAL) != 0) return -EBADF;
  return asked.revents != 0 ? outcome(asked.revents) : std::nullopt;
}

outcome attempt_one(operation&, const read_request& ask) noexcept {
  return attempt_read(ask);
}

outcome attempt_one(operation&, const write_request& ask) noexcept {
  return attempt_write(ask);
}

outcome attempt_one(operation&, const read_pieces_request& ask) noexcept {
  return attempt_read(ask);
}

outcome attempt_one(operation&, const write_pieces_request& ask) noexcept {
  return attempt_write(ask);
}

outcome attempt_one(operation&, const splice_request& ask) noexcept {
  return attempt_splice(ask);
}

/// There are bytes now, or there is an end: only who waits long does without a block.
outcome attempt_next(operation& op, const next_request& ask,
                     spare_blocks& blocks) noexcept {
  if (ask.kind == multishot_kind::accept) return attempt_one(op, accept_request{ask.fd});
  std::byte* const block = blocks.take();
  if (block == nullptr) return -ENOMEM;
  const outcome got =
      attempt_one(op, receive_request{ask.fd, {block, multishot::lent_size}});
  const bool some = got.value_or(0) > 0;
  ask.from->lent = some ? block : nullptr;
  if (!some) blocks.keep(block);
  return got;
}

/// Nobody works for it in between.
outcome attempt_one(operation&, const end_request&) noexcept {
  return 0;
}

/// What waits for a disk and for nothing else.
template <class Request>
outcome attempt_one(operation&, const Request& ask) noexcept {
  return do_on_disk(ask);
}

}  // namespace

std::optional<std::int32_t> attempt(operation& op, spare_blocks& blocks) noexcept {
  return std::visit(
      [&]<class Request>(const Request& ask) {
        if constexpr (std::is_same_v<Request, next_request>) {
          return attempt_next(op, ask, blocks);
        } else {
          return attempt_one(op, ask);
        }
      },
      op.what);
}

std::optional<std::int32_t> attempt(operation& op) noexcept {
  spare_blocks none;
  return attempt(op, none);
}

std::int32_t result_of_cancelled(const operation& op) noexcept {
  return op.result > 0 ? op.result : -ECANCELED;
}

bool exhausted_by(const request& what, std::int32_t result) noexcept {
  if (result <= 0) return false;
  const auto got = static_cast<std::size_t>(result);
  if (const auto* ask = std::get_if<receive_request>(&what))
    return got < ask->into.size();
  if (const auto* ask = std::get_if<next_request>(&what))
    return ask->kind == multishot_kind::receive && got < multishot::lent_size;
  if (const auto* ask = std::get_if<send_request>(&what)) return got < ask->from.size();
  return false;
}

}  // namespace motet
