// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/io/perform.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/datagram_socket.hpp>
#include <motet/error.hpp>
#include <motet/time.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace motet {

namespace {

using detail::ask_kernel;
using detail::perform;

/// How many datagrams go through one call: their headers are on the fiber's stack.
constexpr std::size_t most_at_a_time = 16;

/// A message of one piece, and where it is from or goes to.
struct message {
  sockaddr_storage name;
  iovec piece;
};

void prepare_to_receive(msghdr& header, message& with, std::span<std::byte> into) {
  with.piece = {into.data(), into.size()};
  header = {};
  header.msg_name = &with.name;
  header.msg_namelen = sizeof with.name;
  header.msg_iov = &with.piece;
  header.msg_iovlen = 1;
}

void prepare_to_send(msghdr& header, iovec& piece, const outgoing_datagram& what) {
  // The system only reads from both; these types are of both directions.
  piece = {const_cast<std::byte*>(what.data.data()), what.data.size()};
  header = {};
  if (what.to.system_length() != 0) {
    header.msg_name = const_cast<void*>(what.to.system_address());
    header.msg_namelen = detail::length_of(what.to);
  }
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
}

void take(datagram& to, const msghdr& header, std::span<std::byte> buffer,
          std::size_t size) {
  to.data = buffer.first(std::min(size, buffer.size()));
  to.from = endpoint::from_system(header.msg_name, header.msg_namelen);
  to.truncated = (header.msg_flags & MSG_TRUNC) != 0;
}

}  // namespace

/// @param into `data` is the buffer.
std::int32_t datagram_socket::receive_one(datagram& into, call_site where) {
  if (late_error_ != 0) {
    enter_point(detail::here("datagram_socket::receive"), where);
    into.data = {};
    return std::exchange(late_error_, 0);
  }
  message with{};
  msghdr header;
  prepare_to_receive(header, with, into.data);
  const std::int32_t got = perform(receive_message_request{socket_.fd(), &header},
                                   "a datagram", socket_.incoming(), where);
  take(into, header, into.data, got < 0 ? 0 : static_cast<std::size_t>(got));
  return got;
}

datagram datagram_socket::receive_from(std::span<std::byte> buffer, call_site where) {
  datagram came{.data = buffer};
  const std::int32_t got = receive_one(came, where);
  if (got < 0) fail_receiving(got);
  return came;
}

datagram datagram_socket::receive_from(std::span<std::byte> buffer, std::error_code& ec,
                                       call_site where) {
  datagram came{.data = buffer};
  ec = detail::to_code(receive_one(came, where));
  return came;
}

std::span<std::byte> datagram_socket::receive(std::span<std::byte> buffer,
                                              call_site where) {
  return receive_from(buffer, where).data;
}

std::span<std::byte> datagram_socket::receive(std::span<std::byte> buffer,
                                              std::error_code& ec, call_site where) {
  return receive_from(buffer, ec, where).data;
}

/// Takes what is there. @returns how many datagrams, or -errno.
std::int32_t datagram_socket::receive_now(datagram_batch& batch, std::size_t from) {
  std::array<message, most_at_a_time> with;
  std::array<mmsghdr, most_at_a_time> headers;
  const std::size_t count = std::min(most_at_a_time, batch.count_ - from);
  for (std::size_t i = 0; i < count; ++i)
    prepare_to_receive(headers[i].msg_hdr, with[i], batch.buffer(from + i));
  const std::int32_t got =
      ask_kernel(receive_messages_call{socket_.fd(), std::span(headers).first(count)});
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
    take(batch.slots_[from + i], headers[i].msg_hdr, batch.buffer(from + i),
         headers[i].msg_len);
  }
  return got;
}

std::span<datagram> datagram_socket::receive_batch(datagram_batch& batch,
                                                   call_site where) {
  MOTET_EXPECT(batch.count_ != 0);
  enter_point(detail::here("datagram_socket::receive_batch"), where);
  std::size_t count = 0;
  std::int32_t got =
      late_error_ != 0 ? std::exchange(late_error_, 0) : receive_now(batch, 0);
  if (got == -EAGAIN) {
    batch.slots_[0].data = batch.buffer(0);
    got = receive_one(batch.slots_[0], where);
    if (got < 0) fail_receiving(got);
    count = 1;
    got = count == batch.count_ ? 0 : receive_now(batch, count);
  } else if (got < 0) {
    fail_receiving(got);
  }
  while (got > 0) {
    count += static_cast<std::size_t>(got);
    const bool more = static_cast<std::size_t>(got) == most_at_a_time;
    got = more && count < batch.count_ ? receive_now(batch, count) : 0;
  }
  if (got < 0 && got != -EAGAIN) late_error_ = got;
  return {batch.slots_, count};
}

void datagram_socket::send_to(std::span<const std::byte> data, const endpoint& to,
                              std::error_code& ec, call_site where) {
  enter_point(detail::here("datagram_socket::send_to"), where);
  iovec piece{};
  mmsghdr header{};
  const outgoing_datagram what{data, to};
  prepare_to_send(header.msg_hdr, piece, what);
  // At once if there is room, as nearly always, so that many may send; only then waiting.
  for (int tries = 0;;) {
    const std::int32_t sent =
        ask_kernel(send_messages_call{socket_.fd(), std::span(&header, 1)});
    ec = detail::to_code(sent);
    if (sent != -EAGAIN) return;
    wait_for_room(to.is_local(), tries, where);
  }
}

/// A Unix socket that is full does not say when it has room again, unless one is
/// connected to it (unix(7) has no word of it; unix_dgram_poll looks at the peer only).
void datagram_socket::wait_for_room(bool local, int& tries, call_site where) {
  if (local || socket_.outgoing() != nullptr) {
    tries = std::min(tries + 1, 6);
    return sleep(1ms * (1 << (tries - 1)), where);
  }
  const std::int32_t result = perform(poll_request{socket_.fd(), POLLOUT}, "room to send",
                                      socket_.outgoing(), where);
  if (result < 0) detail::throw_failure(result, "wait for room to send");
}

void datagram_socket::send_to(std::span<const std::byte> data, const endpoint& to,
                              call_site where) {
  std::error_code ec;
  send_to(data, to, ec, where);
  if (ec) fail_sending(-ec.value(), to);
}

void datagram_socket::send(std::span<const std::byte> data, call_site where) {
  send_to(data, endpoint(), where);
}

void datagram_socket::send(std::span<const std::byte> data, std::error_code& ec,
                           call_site where) {
  send_to(data, endpoint(), ec, where);
}

void datagram_socket::send_batch(std::span<const outgoing_datagram> datagrams,
                                 call_site where) {
  std::size_t done = 0;
  send_batch(datagrams, done, where);
}

void datagram_socket::send_batch(std::span<const outgoing_datagram> datagrams,
                                 std::size_t& done, call_site where) {
  done = 0;
  std::array<iovec, most_at_a_time> pieces;
  std::array<mmsghdr, most_at_a_time> headers;
  for (int tries = 0; done < datagrams.size();) {
    enter_point(detail::here("datagram_socket::send_batch"), where);
    const auto next =
        datagrams.subspan(done).first(std::min(most_at_a_time, datagrams.size() - done));
    for (std::size_t i = 0; i < next.size(); ++i)
      prepare_to_send(headers[i].msg_hdr, pieces[i], next[i]);
    const std::int32_t sent = ask_kernel(
        send_messages_call{socket_.fd(), std::span(headers).first(next.size())});
    if (sent == -EAGAIN) {
      wait_for_room(next[0].to.is_local(), tries, where);
    } else if (sent < 0) {
      fail_sending(sent, next[0].to);
    } else {
      done += static_cast<std::size_t>(sent);
      tries = 0;
    }
  }
}

void datagram_socket::close() noexcept {
  file_.remove();
  socket_.close();
}

endpoint datagram_socket::local() const {
  return detail::name_of_socket(socket_.fd(), endpoint_side::local);
}

endpoint datagram_socket::peer() const {
  return detail::name_of_socket(socket_.fd(), endpoint_side::peer);
}

void datagram_socket::fail_receiving(std::int32_t result) const {
  const std::string peer = detail::word_for_socket(socket_.fd(), endpoint_side::peer);
  if (!peer.empty()) detail::throw_failure(result, "receive from" + peer);
  detail::throw_failure(
      result, "receive on" + detail::word_for_socket(socket_.fd(), endpoint_side::local));
}

void datagram_socket::fail_sending(std::int32_t result, const endpoint& to) const {
  const std::string whom =
      to ? " " + to_string(to)
         : detail::word_for_socket(socket_.fd(), endpoint_side::peer);
  detail::throw_failure(result, "send to" + whom);
}

datagram_batch::datagram_batch(std::size_t datagrams, std::size_t bytes)
    : count_(datagrams),
      bytes_(bytes),
      room_(datagrams * bytes),
      slots_(new datagram[datagrams]) {}

datagram_batch::datagram_batch(datagram_batch&& from) noexcept
    : count_(std::exchange(from.count_, 0)),
      bytes_(from.bytes_),
      room_(std::move(from.room_)),
      slots_(std::exchange(from.slots_, nullptr)) {}

datagram_batch& datagram_batch::operator=(datagram_batch&& from) noexcept {
  datagram_batch old(std::move(from));
  std::swap(count_, old.count_);
  std::swap(bytes_, old.bytes_);
  std::swap(room_, old.room_);
  std::swap(slots_, old.slots_);
  return *this;
}

datagram_batch::~datagram_batch() {
  delete[] slots_;
}

void datagram_socket::send_to(std::string_view text, const endpoint& to,
                              call_site where) {
  send_to(std::as_bytes(std::span(text)), to, where);
}

void datagram_socket::send(std::string_view text, call_site where) {
  send(std::as_bytes(std::span(text)), where);
}

}  // namespace motet
