// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Sockets for datagrams: messages that arrive whole or not at all, over UDP or between
/// Unix sockets.
///
/// A receive that is cancelled took nothing: the next one gets what came meanwhile. If a
/// datagram was first it is returned, and the cancellation waits for the next point.

#include <motet/call_site.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/socket_file.hpp>
#include <motet/endpoint.hpp>
#include <motet/socket_options.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace motet {

/// A datagram that came.
struct datagram {
  std::span<std::byte> data;  ///< In the buffer that was lent; may be empty.
  endpoint from = {};         ///< "unnamed" for a Unix socket that is not bound.
  bool truncated = false;     ///< There was more, which is lost.
};

/// A datagram that is to go. Without `to` it goes to whom the socket is connected.
struct outgoing_datagram {
  std::span<const std::byte> data;
  endpoint to = {};
};

/// Room for several datagrams, to be used again and again. Same thread only.
class datagram_batch {
 public:
  /// For at most so many, each of at most `bytes`.
  datagram_batch(std::size_t datagrams, std::size_t bytes);
  datagram_batch(datagram_batch&& from) noexcept;
  datagram_batch& operator=(datagram_batch&& from) noexcept;
  datagram_batch(const datagram_batch&) = delete;
  datagram_batch& operator=(const datagram_batch&) = delete;
  ~datagram_batch();

 private:
  friend class datagram_socket;

  [[nodiscard]] std::span<std::byte> buffer(std::size_t index) noexcept {
    return {room_.get() + index * bytes_, bytes_};
  }

  std::size_t count_;
  std::size_t bytes_;
  detail::byte_room room_;
  datagram* slots_;
};

/// Moves, does not copy, and closes when it goes. One fiber may receive, any number may
/// send. Same thread only.
///
/// Failures are std::system_error, or go to the `std::error_code&` of the overloads that
/// take one; those throw only `cancelled`, raised exceptions, and closed_error. A socket
/// that is connected is also told of what became of earlier datagrams: if nobody was
/// there to take one, a later call fails with connection_refused.
class datagram_socket {
 public:
  /// Not open.
  datagram_socket() = default;
  /// Takes over a datagram socket.
  explicit datagram_socket(int fd) noexcept : socket_(fd) {}
  datagram_socket(int fd, detail::socket_file file) noexcept
      : socket_(fd), file_(std::move(file)) {}

  /// Waits for a datagram.
  /// @throws closed_error if another fiber closes this. Cancellation point.
  datagram receive_from(std::span<std::byte> buffer, call_site where = call_site::here());
  /// As above. Cancellation point.
  datagram receive_from(std::span<std::byte> buffer, std::error_code& ec,
                        call_site where = call_site::here());
  /// The same where it does not matter from whom, as on a connected socket.
  /// @returns the part of `buffer` that was filled. Cancellation point.
  std::span<std::byte> receive(std::span<std::byte> buffer,
                               call_site where = call_site::here());
  /// As above. Cancellation point.
  std::span<std::byte> receive(std::span<std::byte> buffer, std::error_code& ec,
                               call_site where = call_site::here());
  /// Waits for one, then takes all that are there, as far as `batch` has room for them.
  /// @returns them, oldest first; good until `batch` is used again. Cancellation point.
  std::span<datagram> receive_batch(datagram_batch& batch,
                                    call_site where = call_site::here());

  /// Sends a datagram, as soon as the system has room for it. Cancelled, nothing was
  /// sent. Cancellation point.
  void send_to(std::span<const std::byte> data, const endpoint& to,
               call_site where = call_site::here());
  /// As above. Cancellation point.
  void send_to(std::string_view text, const endpoint& to,
               call_site where = call_site::here());
  /// As above. Cancellation point.
  void send_to(std::span<const std::byte> data, const endpoint& to, std::error_code& ec,
               call_site where = call_site::here());
  /// Sends to whom this is connected. Cancellation point.
  void send(std::span<const std::byte> data, call_site where = call_site::here());
  /// As above. Cancellation point.
  void send(std::string_view text, call_site where = call_site::here());
  /// As above. Cancellation point.
  void send(std::span<const std::byte> data, std::error_code& ec,
            call_site where = call_site::here());
  /// Sends several, in order. Cancellation point.
  void send_batch(std::span<const outgoing_datagram> datagrams,
                  call_site where = call_site::here());
  /// As above; `done` counts those that went, whatever is thrown. Cancellation point.
  void send_batch(std::span<const outgoing_datagram> datagrams, std::size_t& done,
                  call_site where = call_site::here());

  /// Closes; a fiber that waits gets a closed_error. The path of a Unix socket that was
  /// bound goes. Never parks.
  void close() noexcept;
  /// Where this is: tells the port that was picked for port 0. Never parks.
  [[nodiscard]] endpoint local() const;
  /// To whom it is connected. Never parks.
  [[nodiscard]] endpoint peer() const;
  /// Sets an option. Never parks.
  void set(const socket_option& option) { detail::set_option(socket_.fd(), option); }
  /// The socket, still owned by this. Never parks.
  [[nodiscard]] int native_handle() const noexcept { return socket_.fd(); }
  explicit operator bool() const noexcept { return socket_.fd() >= 0; }

 private:
  std::int32_t receive_one(datagram& into, call_site where);
  std::int32_t receive_now(datagram_batch& batch, std::size_t from);
  void wait_for_room(bool local, int& tries, call_site where);
  [[noreturn]] void fail_receiving(std::int32_t result) const;
  [[noreturn]] void fail_sending(std::int32_t result, const endpoint& to) const;

  detail::descriptor socket_;
  detail::socket_file file_;
  std::int32_t late_error_ = 0;  ///< Came after datagrams that were returned.
};

}  // namespace motet
