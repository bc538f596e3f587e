// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Bytes both ways, or one way: a connection, a pipe, a terminal.
///
/// Whatever a point here throws, no byte is lost: a read that is cancelled took none. If
/// bytes came first, the call returns them, and the cancellation waits for the next
/// point.

#include <motet/buffered_reader.hpp>
#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/pull_range.hpp>
#include <motet/endpoint.hpp>
#include <motet/socket_options.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace motet {

class stream;

namespace detail {
struct stream_access;  // lib/io/stream_access.hpp

/// Bytes as they come, into a buffer that is lent.
class chunk_source {
 public:
  chunk_source(stream& from, std::span<std::byte> buffer, call_site where) noexcept
      : from_(from), buffer_(buffer), where_(where) {}
  bool next();
  [[nodiscard]] std::span<std::byte> value() const noexcept { return chunk_; }

 private:
  stream& from_;
  std::span<std::byte> buffer_;
  std::span<std::byte> chunk_;
  call_site where_;
};

}  // namespace detail

using chunk_range = detail::pull_range<detail::chunk_source>;

/// What a stream is made of, which decides how the system moves its bytes.
enum class stream_kind : std::uint8_t {
  socket,
  other,  ///< A pipe, a terminal, whatever read(2) and write(2) take.
};

/// A connection, or one end of a pipe, which goes one way. Moves, does not copy, and
/// closes when it goes. One fiber may read while another writes; two readers, or two
/// writers, must take turns. Same thread only.
///
/// Failures are std::system_error, or go to the `std::error_code&` of the overloads that
/// take one; those throw only `cancelled`, raised exceptions, and closed_error.
class stream {
 public:
  /// Not connected.
  stream() = default;
  /// Takes over a connected socket, or what `kind` says.
  explicit stream(int fd, stream_kind kind = stream_kind::socket) noexcept
      : descriptor_(fd), kind_(kind) {}

  /// Reads what there is, waiting for at least one byte.
  /// @returns the part of `buffer` that was filled; empty at the end of the stream.
  /// @throws closed_error if another fiber closes this. Cancellation point.
  std::span<std::byte> read(std::span<std::byte> buffer,
                            call_site where = call_site::here());
  /// As above. Cancellation point.
  std::span<std::byte> read(std::span<std::byte> buffer, std::error_code& ec,
                            call_site where = call_site::here());

  /// Fills all of `buffer`, or what there is until the end of the stream.
  /// @returns the part that was filled. Cancelled half-way it throws, and bytes were
  /// consumed: use the overload that tells how many. Cancellation point.
  std::span<std::byte> read_exactly(std::span<std::byte> buffer,
                                    call_site where = call_site::here());
  /// As above; `done` counts the bytes read, whatever is thrown. Cancellation point.
  std::span<std::byte> read_exactly(std::span<std::byte> buffer, std::size_t& done,
                                    call_site where = call_site::here());

  /// Calls `f(std::span<const std::byte>)` with what arrives, until the end of the
  /// stream. The bytes are good until `f` returns. Cancellation point.
  void recv_loop(detail::function_ref<void(std::span<const std::byte>)> f,
                 call_site where = call_site::here());

  /// What arrives, piece by piece, in `buffer`. Each step is a cancellation point.
  /// Never parks by itself.
  [[nodiscard]] chunk_range chunks(std::span<std::byte> buffer,
                                   call_site where = call_site::here()) & {
    return chunk_range(*this, buffer, where);
  }
  /// Lines, without "\n" or "\r\n"; the last may lack its end. Bytes read beyond the last
  /// line taken are lost with the range. Each step is a cancellation point, and throws
  /// std::system_error (message_size) at a line longer than `longest`. Never parks by
  /// itself.
  [[nodiscard]] line_range lines(std::size_t longest = std::size_t{64} * 1024,
                                 call_site where = call_site::here()) & {
    return line_range(*this, longest, where);
  }

  /// Writes all of it. Cancelled half-way it throws, and the peer got a part: use the
  /// overload that tells how much. Never raises SIGPIPE. Cancellation point.
  void write(std::span<const std::byte> data, call_site where = call_site::here());
  /// As above. Cancellation point.
  void write(std::string_view text, call_site where = call_site::here());
  /// As above; `done` counts the bytes handed to the system, whatever is thrown.
  /// Cancellation point.
  void write(std::span<const std::byte> data, std::size_t& done,
             call_site where = call_site::here());
  /// As above. Cancellation point.
  void write(std::span<const std::byte> data, std::error_code& ec,
             call_site where = call_site::here());
  /// Writes several pieces as one. Cancellation point.
  void write(std::span<const std::span<const std::byte>> pieces,
             call_site where = call_site::here());
  /// As above; `done` counts the bytes of all of them, whatever is thrown. Cancellation
  /// point.
  void write(std::span<const std::span<const std::byte>> pieces, std::size_t& done,
             call_site where = call_site::here());
  /// Writes a part. @returns how many bytes. Cancellation point.
  std::size_t write_some(std::span<const std::byte> data,
                         call_site where = call_site::here());
  /// As above. Cancellation point.
  std::size_t write_some(std::span<const std::byte> data, std::error_code& ec,
                         call_site where = call_site::here());

  /// Tells the peer that nothing more will come; reading goes on. What is no socket goes
  /// one way, and is closed. Never parks.
  void shutdown_send();
  /// Closes; a fiber that reads or writes gets a closed_error. Never parks.
  void close() noexcept { descriptor_.close(); }

  /// Who is at the other end of a socket. Never parks.
  [[nodiscard]] endpoint peer() const;
  /// This end of a socket. Never parks.
  [[nodiscard]] endpoint local() const;
  /// Sets an option of a socket. Never parks.
  void set(const socket_option& option) { detail::set_option(descriptor_.fd(), option); }
  /// What has gone wrong on a socket that nobody was told of yet; then it is told. Never
  /// parks.
  [[nodiscard]] std::error_code error() const;
  /// The descriptor, still owned by this. Never parks.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }
  explicit operator bool() const noexcept { return descriptor_.fd() >= 0; }
  [[nodiscard]] stream_kind kind() const noexcept { return kind_; }

  /// For the library: with the operations under way on it.
  [[nodiscard]] detail::descriptor& owned() noexcept { return descriptor_; }

 private:
  std::int32_t receive(std::span<std::byte> into, bool whole, call_site where);
  std::int32_t send(std::span<const std::byte> from, bool whole, call_site where);
  void read_loop(detail::function_ref<void(std::span<const std::byte>)> f,
                 call_site where);

  friend struct detail::stream_access;

  detail::descriptor descriptor_;
  stream_kind kind_ = stream_kind::socket;
};

}  // namespace motet
