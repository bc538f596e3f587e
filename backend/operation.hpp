// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What can be asked of the kernel, as data.
///
/// Requests take time: they are put into an `operation`, submitted, and come back from
/// `backend::poll`. Calls are answered at once. Whatever a request points to (buffers,
/// addresses) stays alive and untouched until its operation is back.

#include "backend/file_requests.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include <sys/socket.h>

namespace motet {

/// How much of a buffer has to move before a transfer counts as complete.
enum class transfer : std::uint8_t { some, whole };

/// Takes one connection off a listening socket. Result: its descriptor, close-on-exec.
struct accept_request {
  int fd;
};

/// Connects a stream socket. Result: 0.
struct connect_request {
  int fd;
  const sockaddr* address;
  socklen_t length;
};

/// Receives bytes. Result: how many; 0 at the end of the stream. With `transfer::whole`
/// fewer than asked for only at the end, on an error, or when cancelled half-way.
struct receive_request {
  int fd;
  std::span<std::byte> into;
  transfer amount = transfer::some;
};

/// Sends bytes; never raises SIGPIPE. Result: how many. With `transfer::whole` fewer than
/// asked for only on an error or when cancelled half-way.
struct send_request {
  int fd;
  std::span<const std::byte> from;
  transfer amount = transfer::whole;
};

/// Sends what the message's iovecs name; never raises SIGPIPE. Result: how many bytes.
struct send_message_request {
  int fd;
  const msghdr* message;
};

/// Waits for readiness, for descriptors that others read. Result: the poll(2) events
/// seen.
struct poll_request {
  int fd;
  short events;
};

using request =
    std::variant<accept_request, connect_request, receive_request, send_request,
                 send_message_request, poll_request, read_request, write_request,
                 read_pieces_request, write_pieces_request, open_request, stat_request,
                 sync_request, truncate_request, rename_request, remove_request,
                 make_directory_request, list_request>;

/// One request, then its outcome. Lives on the stack of the fiber that waits for it.
///
/// Invariant: from `submit` until `poll` returns it, an operation belongs to the backend.
/// It is not moved, read or destroyed meanwhile, and neither is the buffer it names: a
/// cancelled fiber waits for its operation to come back.
struct operation {
  request what;
  std::int32_t result = 0;    ///< As the kernel puts it: >= 0, or -errno.
  std::uint32_t slot = 0;     ///< The backend's own: how it finds the operation again.
  void* waiter = nullptr;     ///< Whom to resume. Opaque to backends.
  operation* next = nullptr;  ///< Link in the list that `poll` returns.
};

/// Makes a stream socket, close-on-exec and without Nagle's delay. Answer: its
/// descriptor.
struct open_stream_call {
  int family;
};

/// Makes a listening socket, close-on-exec, its connections without Nagle's delay.
/// Answer: its descriptor.
struct open_listener_call {
  const sockaddr* address;
  socklen_t length;
  int backlog;
  bool reuse_port;
};

/// Makes a pipe, both ends close-on-exec. Answer: 0.
struct open_pipe_call {
  std::array<int, 2>* ends;  ///< Read from the first, write to the second.
};

/// shutdown(2). Answer: 0.
struct shut_down_call {
  int fd;
  int how;
};

/// close(2). What was submitted for this descriptor has reached the kernel before, so
/// that no operation can hit a later user of the number. Answer: 0.
struct close_call {
  int fd;
};

enum class endpoint_side : std::uint8_t { local, peer };

/// getsockname(2) or getpeername(2), into `address`. Answer: the address's length.
struct socket_name_call {
  int fd;
  endpoint_side side;
  sockaddr_storage* address;
};

using call = std::variant<open_stream_call, open_listener_call, open_pipe_call,
                          shut_down_call, close_call, socket_name_call>;

}  // namespace motet
