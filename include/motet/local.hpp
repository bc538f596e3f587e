// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Unix sockets: streams and datagrams between the processes of one machine, named by
/// paths, or by abstract names, which are no files: "@name".

#include <motet/call_site.hpp>
#include <motet/datagram_socket.hpp>
#include <motet/listener.hpp>
#include <motet/owned_descriptor.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace motet::local {

using motet::accept_options;
using motet::datagram_socket;
using motet::listener;
using motet::stream;

struct listen_options {
  /// Connections that may wait to be accepted; the system's own limit may be lower
  /// (net.core.somaxconn).
  int backlog = 4096;
};

/// Listens at a path. What a program left there that has ended is removed; if somebody
/// listens there this fails. The file goes when the listener is closed.
/// @throws std::system_error that names the path. Cancellation point.
[[nodiscard]] listener listen(std::string_view path, const listen_options& options = {},
                              call_site where = call_site::here());

struct connect_options {
  time_point deadline = time_point::max();
};

/// Connects to who listens at a path.
/// @throws std::system_error that names the path; timeout_error at the deadline.
/// Cancellation point.
[[nodiscard]] stream connect(std::string_view path, const connect_options& options = {},
                             call_site where = call_site::here());

/// Two streams that are connected to each other. Never parks.
[[nodiscard]] std::pair<stream, stream> pair();

/// A datagram socket at a path, as `listen`. Datagrams between Unix sockets are not lost:
/// who sends to one that is full waits.
/// @throws std::system_error that names the path. Cancellation point.
[[nodiscard]] datagram_socket bind(std::string_view path,
                                   call_site where = call_site::here());
/// The same at an abstract name that the system picks. Never parks.
[[nodiscard]] datagram_socket bind();
/// Two datagram sockets that are connected to each other. Never parks.
[[nodiscard]] std::pair<datagram_socket, datagram_socket> datagram_pair();

/// The most descriptors that go at a time (unix(7), SCM_MAX_FD).
inline constexpr std::size_t most_descriptors = 253;

/// Sends bytes, at least one, and with the first of them descriptors: the peer gets its
/// own ones for the same files. They stay open here. Cancelled, neither was sent, unless
/// there were more bytes than the peer had room for.
/// @throws std::system_error; not_supported in the simulation. Cancellation point.
void send_descriptors(stream& to, std::span<const std::byte> data,
                      std::span<const int> descriptors,
                      call_site where = call_site::here());

/// Bytes, and what came with them.
struct received {
  std::span<std::byte> data;  ///< In the buffer that was lent; empty at the end.
  std::vector<owned_descriptor> descriptors;
};

/// Reads as `stream::read`, and takes the descriptors that were sent with the bytes; they
/// are close-on-exec. A plain read drops them. Cancelled, nothing was taken.
/// @throws std::system_error (too_many_files_open) if there was no room for them all;
/// those that came are closed, and the bytes are lost. Cancellation point.
[[nodiscard]] received receive_descriptors(stream& from, std::span<std::byte> buffer,
                                           call_site where = call_site::here());

}  // namespace motet::local
