// SPDX-License-Identifier: MIT
#include "lib/io/intake.hpp"
#include "lib/io/perform.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/detail/byte_sink.hpp>
#include <motet/error.hpp>
#include <motet/stream.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

namespace motet {

namespace {

using detail::ask_kernel;
using detail::name_of_socket;
using detail::perform;
using detail::receive_ahead;
using detail::to_code;

/// To be thrown where it happened: strings and frames on the way would have to be
/// unwound.
[[gnu::noinline]] std::system_error failure(const stream& with, std::int32_t result,
                                            const char* what) {
  const int fd = with.native_handle();
  std::string whom;
  if (with.kind() == stream_kind::socket) {
    whom = detail::word_for_socket(fd, endpoint_side::peer);
  }
  if (whom.empty()) whom = " descriptor " + std::to_string(fd);
  return {-result, std::system_category(), what + whom};
}

/// Moving nothing is a point like any other.
void pass_point(call_site where) {
  detail::enter_point(detail::here("reading or writing"), where);
}

/// What is left to write of several pieces, as many at a time as fit.
class piece_window {
 public:
  explicit piece_window(detail::byte_pieces pieces) noexcept : left_(pieces) { take(0); }

  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }

  /// None of them is empty.
  [[nodiscard]] std::span<iovec> next() noexcept {
    std::size_t count = 0;
    std::size_t skip = taken_;
    for (const std::span<const std::byte> piece : left_) {
      const std::span<const std::byte> rest = piece.subspan(std::exchange(skip, 0));
      if (count == vectors_.size()) break;
      // The kernel only reads from them; iovec has one type for both directions.
      if (!rest.empty())
        vectors_[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
    }
    return std::span(vectors_).first(count);
  }

  void take(std::size_t size) noexcept {
    taken_ += size;
    while (!left_.empty() && taken_ >= left_.front().size()) {
      taken_ -= left_.front().size();
      left_ = left_.subspan(1);
    }
  }

 private:
  detail::byte_pieces left_;
  std::size_t taken_ = 0;  ///< Of the first one.
  std::array<iovec, 64> vectors_;
};

}  // namespace

// Inlined: a frame less to unwind when a read is cancelled.
[[gnu::always_inline]] inline std::int32_t stream::receive(std::span<std::byte> into,
                                                           bool whole, call_site where) {
  if (descriptor_.ahead() != nullptr) [[unlikely]] {
    if (const auto got = receive_ahead(descriptor_, into, where)) return *got;
  }
  const int fd = descriptor_.fd();
  const transfer amount = whole ? transfer::whole : transfer::some;
  const request asked = kind_ == stream_kind::socket
                            ? request(receive_request{fd, into, amount})
                            : request(read_request{fd, into});
  return perform(asked, "bytes to read", descriptor_.incoming(), where);
}

[[gnu::always_inline]] inline std::int32_t stream::send(std::span<const std::byte> from,
                                                        bool whole, call_site where) {
  const int fd = descriptor_.fd();
  const transfer amount = whole ? transfer::whole : transfer::some;
  const request asked = kind_ == stream_kind::socket
                            ? request(send_request{fd, from, amount})
                            : request(write_request{fd, from});
  return perform(asked, "bytes to be written", descriptor_.outgoing(), where);
}

MOTET_JUMPS_BACK std::span<std::byte> stream::read(std::span<std::byte> buffer,
                                                   call_site where) {
  const std::int32_t got = receive(buffer, false, where);
  if (got < 0) [[unlikely]] {
    throw failure(*this, got, "read from");
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
  if (buffer.empty()) pass_point(where);
  while (done < buffer.size()) {
    const std::int32_t got = receive(buffer.subspan(done), true, where);
    if (got < 0) throw failure(*this, got, "read from");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return buffer.first(done);
}

/// A function of its own: only who needs the buffer pays for the stack.
[[gnu::noinline]] void stream::read_loop(
    detail::function_ref<void(std::span<const std::byte>)> f, call_site where) {
  std::byte buffer[4096];
  for (;;) {
    const std::span<const std::byte> data = read(buffer, where);
    if (data.empty()) return;
    f(data);
  }
}

void stream::recv_loop(detail::function_ref<void(std::span<const std::byte>)> f,
                       call_site where) {
  if (kind_ != stream_kind::socket) return read_loop(f, where);
  detail::intake_loop from(descriptor_, multishot_kind::receive);
  for (;;) {
    std::int32_t result = 0;
    const std::span<const std::byte> data = from.next_bytes(result, where);
    if (result < 0) [[unlikely]] {
      throw failure(*this, result, "read from");
    }
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
  if (data.empty()) [[unlikely]] {
    pass_point(where);
  }
  while (done < data.size()) {
    const std::int32_t sent = send(data.subspan(done), true, where);
    if (sent < 0) [[unlikely]] {
      throw failure(*this, sent, "write to");
    }
    done += static_cast<std::size_t>(sent);
  }
}

void stream::write(std::span<const std::byte> data, std::error_code& ec,
                   call_site where) {
  ec.clear();
  if (data.empty()) pass_point(where);
  while (!data.empty()) {
    const std::int32_t sent = send(data, true, where);
    ec = to_code(sent);
    if (ec) return;
    data = data.subspan(static_cast<std::size_t>(sent));
  }
}

void stream::write(detail::byte_pieces pieces, call_site where) {
  std::size_t done = 0;
  write(pieces, done, where);
}

void stream::write(detail::byte_pieces pieces, std::size_t& done, call_site where) {
  done = 0;
  piece_window left(pieces);
  if (left.empty()) pass_point(where);
  while (!left.empty()) {
    msghdr message{};
    const std::span<iovec> next = left.next();
    message.msg_iov = next.data();
    message.msg_iovlen = next.size();
    const bool one = next.size() == 1 || kind_ != stream_kind::socket;
    const std::int32_t sent =
        one ? send({static_cast<const std::byte*>(next[0].iov_base), next[0].iov_len},
                   true, where)
            : perform(send_message_request{descriptor_.fd(), &message},
                      "bytes to be written", descriptor_.outgoing(), where);
    if (sent < 0) throw failure(*this, sent, "write to");
    done += static_cast<std::size_t>(sent);
    left.take(static_cast<std::size_t>(sent));
  }
}

std::size_t stream::write_some(std::span<const std::byte> data, call_site where) {
  std::error_code ec;
  const std::size_t sent = write_some(data, ec, where);
  if (ec) throw failure(*this, -ec.value(), "write to");
  return sent;
}

std::size_t stream::write_some(std::span<const std::byte> data, std::error_code& ec,
                               call_site where) {
  const std::int32_t sent = send(data, false, where);
  ec = to_code(sent);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void stream::shutdown_send() {
  if (kind_ != stream_kind::socket) return close();
  const std::int32_t result = ask_kernel(shut_down_call{descriptor_.fd(), SHUT_WR});
  // A peer that has gone already needs no telling.
  if (result < 0 && result != -ENOTCONN) throw failure(*this, result, "end sending to");
}

endpoint stream::peer() const {
  return name_of_socket(descriptor_.fd(), endpoint_side::peer);
}

std::error_code stream::error() const {
  return {detail::take_socket_error(descriptor_.fd()), std::system_category()};
}

endpoint stream::local() const {
  return name_of_socket(descriptor_.fd(), endpoint_side::local);
}

bool detail::chunk_source::next() {
  chunk_ = from_.read(buffer_, where_);
  return !chunk_.empty();
}

void stream::write(std::string_view text, call_site where) {
  write(std::as_bytes(std::span(text)), where);
}

}  // namespace motet
