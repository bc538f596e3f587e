// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"
#include "lib/io/resolve.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/tcp.hpp>
#include <motet/timeout.hpp>

#include <cerrno>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

namespace motet::tcp {

namespace {

using motet::detail::ask_kernel;
using motet::detail::perform;
using motet::detail::throw_failure;

endpoint name_of_socket(int fd, endpoint_side side) {
  sockaddr_storage address{};
  const std::int32_t length = ask_kernel(socket_name_call{fd, side, &address});
  if (length < 0) {
    throw_failure(length, side == endpoint_side::peer ? "ask for the peer's address"
                                                      : "ask for the own address");
  }
  return endpoint::from_system(&address, static_cast<std::size_t>(length));
}

std::error_code to_code(std::int32_t result) noexcept {
  return result < 0 ? std::error_code(-result, std::system_category())
                    : std::error_code();
}

[[noreturn]] void fail(const stream& with, std::int32_t result, const std::string& what) {
  std::string whom;
  try {
    whom = " " + to_string(with.peer());
  } catch (const std::system_error&) {  // a broken connection does not know any more
  }
  throw_failure(result, what + whom);
}

/// As many pieces at a time as sendmsg takes (IOV_MAX).
constexpr std::size_t most_pieces = 1024;

}  // namespace

// Inlined: a frame less to unwind when a read is cancelled.
[[gnu::always_inline]] inline std::int32_t stream::receive(std::span<std::byte> into,
                                                           bool whole, call_site where) {
  const receive_request what{socket_.fd(), into,
                             whole ? transfer::whole : transfer::some};
  return perform(what, "bytes to read", socket_.incoming(), where);
}

[[gnu::always_inline]] inline std::int32_t stream::send(std::span<const std::byte> from,
                                                        call_site where) {
  return perform(send_request{socket_.fd(), from}, "bytes to be written",
                 socket_.outgoing(), where);
}

MOTET_JUMPS_BACK std::span<std::byte> stream::read(std::span<std::byte> buffer,
                                                   call_site where) {
  const std::int32_t got = receive(buffer, false, where);
  if (got < 0) [[unlikely]] {
    fail(*this, got, "read from");
  }
  return buffer.first(static_cast<std::size_t>(got));
}

std::span<std::byte> stream::read(std::span<std::byte> buffer, std::error_code& ec,
                                  call_site where) {
  const std::int32_t got = receive(buffer, false, where);
  ec = to_code(got);
  return buffer.first(got < 0 ? 0 : static_cast<std::size_t>(got));
}

std::span<std::byte> stream::read_exactly(std::span<std::byte> buffer, call_site where) {
  std::size_t done = 0;
  return read_exactly(buffer, done, where);
}

std::span<std::byte> stream::read_exactly(std::span<std::byte> buffer, std::size_t& done,
                                          call_site where) {
  done = 0;
  while (done < buffer.size()) {
    const std::int32_t got = receive(buffer.subspan(done), true, where);
    if (got < 0) fail(*this, got, "read from");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return buffer.first(done);
}

void stream::recv_loop(motet::detail::function_ref<void(std::span<const std::byte>)> f,
                       call_site where) {
  // One page: with a larger one each connection would hold more, used or not.
  std::byte buffer[4096];
  for (;;) {
    const std::span<const std::byte> data = read(buffer, where);
    if (data.empty()) return;
    f(data);
  }
}

MOTET_JUMPS_BACK void stream::write(std::span<const std::byte> data, call_site where) {
  std::size_t done = 0;
  write(data, done, where);
}

MOTET_JUMPS_BACK void stream::write(std::span<const std::byte> data, std::size_t& done,
                                    call_site where) {
  done = 0;
  while (done < data.size()) {
    const std::int32_t sent = send(data.subspan(done), where);
    if (sent < 0) [[unlikely]] {
      fail(*this, sent, "write to");
    }
    done += static_cast<std::size_t>(sent);
  }
}

void stream::write(std::span<const std::byte> data, std::error_code& ec,
                   call_site where) {
  ec.clear();
  while (!data.empty()) {
    const std::int32_t sent = send(data, where);
    ec = to_code(sent);
    if (ec) return;
    data = data.subspan(static_cast<std::size_t>(sent));
  }
}

void stream::write(std::span<const std::span<const std::byte>> pieces, call_site where) {
  std::vector<iovec> left;
  for (const auto& piece : pieces) {
    // The kernel only reads from them; iovec has one type for both directions.
    if (!piece.empty())
      left.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  std::size_t next = 0;
  while (next < left.size()) {
    msghdr message{};
    message.msg_iov = &left[next];
    message.msg_iovlen = std::min(left.size() - next, most_pieces);
    const std::int32_t sent = perform(send_message_request{socket_.fd(), &message},
                                      "bytes to be written", socket_.outgoing(), where);
    if (sent < 0) fail(*this, sent, "write to");
    auto taken = static_cast<std::size_t>(sent);
    while (next < left.size() && taken >= left[next].iov_len)
      taken -= left[next++].iov_len;
    if (taken != 0) {
      left[next].iov_base = static_cast<std::byte*>(left[next].iov_base) + taken;
      left[next].iov_len -= taken;
    }
  }
}

std::size_t stream::write_some(std::span<const std::byte> data, call_site where) {
  std::error_code ec;
  const std::size_t sent = write_some(data, ec, where);
  if (ec) fail(*this, -ec.value(), "write to");
  return sent;
}

std::size_t stream::write_some(std::span<const std::byte> data, std::error_code& ec,
                               call_site where) {
  const std::int32_t sent = perform(send_request{socket_.fd(), data, transfer::some},
                                    "bytes to be written", socket_.outgoing(), where);
  ec = to_code(sent);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void stream::shutdown_send() {
  const std::int32_t result = ask_kernel(shut_down_call{socket_.fd(), SHUT_WR});
  // A peer that has gone already needs no telling.
  if (result < 0 && result != -ENOTCONN) fail(*this, result, "end sending to");
}

endpoint stream::peer() const {
  return name_of_socket(socket_.fd(), endpoint_side::peer);
}

endpoint stream::local() const {
  return name_of_socket(socket_.fd(), endpoint_side::local);
}

bool detail::chunk_source::next() {
  chunk_ = from_.read(buffer_, where_);
  return !chunk_.empty();
}

bool detail::line_source::take_line(bool at_end) {
  const std::size_t end = pending_.find('\n', searched_);
  searched_ = pending_.size();
  if (end == std::string::npos && (!at_end || pending_.empty())) return false;
  line_.assign(pending_, 0, end);
  pending_.erase(0, end == std::string::npos ? end : end + 1);
  searched_ = 0;
  if (end != std::string::npos && line_.ends_with('\r')) line_.pop_back();
  return true;
}

bool detail::line_source::next() {
  std::byte buffer[1024];
  while (!take_line(false)) {
    if (pending_.size() > longest_) {
      throw std::system_error(
          std::make_error_code(std::errc::message_size),
          "a line of more than " + std::to_string(longest_) + " bytes");
    }
    const std::span<const std::byte> more = from_.read(buffer, where_);
    if (more.empty()) return take_line(true);
    pending_.append(reinterpret_cast<const char*>(more.data()), more.size());
  }
  return true;
}

namespace {

stream connect_to(const endpoint& to, std::int32_t& result, call_site where) {
  const auto* const address = static_cast<const sockaddr*>(to.system_address());
  result = ask_kernel(open_stream_call{address->sa_family});
  if (result < 0) return {};
  motet::detail::descriptor socket(result);
  result = perform(
      connect_request{socket.fd(), address, static_cast<socklen_t>(to.system_length())},
      "a connection to be made", socket.outgoing(), where);
  if (result < 0) return {};
  return stream(socket.release());
}

stream connect_to_any(std::string_view host, std::uint16_t port, call_site where) {
  std::int32_t result = -EADDRNOTAVAIL;
  for (const endpoint& to : motet::detail::resolve(host, port, where)) {
    stream made = connect_to(to, result, where);
    if (made) return made;
  }
  throw_failure(result, "connect " + std::string(host) + ":" + std::to_string(port));
}

}  // namespace

stream connect(std::string_view host, std::uint16_t port, const connect_options& options,
               call_site where) {
  if (options.deadline == time_point::max()) return connect_to_any(host, port, where);
  return cancel_at(options.deadline,
                   with_exception<timeout_error>("connect " + std::string(host) + ":" +
                                                 std::to_string(port)),
                   [&] { return connect_to_any(host, port, where); });
}

listener listen(std::string_view host, std::uint16_t port, const listen_options& options,
                call_site where) {
  const endpoint at = motet::detail::resolve(host, port, where).front();
  const std::int32_t fd = ask_kernel(open_listener_call{
      static_cast<const sockaddr*>(at.system_address()),
      static_cast<socklen_t>(at.system_length()), options.backlog, options.reuse_port});
  if (fd < 0) throw_failure(fd, "listen on " + to_string(at));
  return listener(fd);
}

}  // namespace motet::tcp
