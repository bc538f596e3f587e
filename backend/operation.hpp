// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What can be asked of the kernel, as data.
///
/// Requests take time: they are put into an `operation`, submitted, and come back from
/// `backend::poll`. Calls are answered at once. Whatever a request points to (buffers,
/// addresses) stays alive and untouched until its operation is back.

#include "backend/file_requests.hpp"

#include <motet/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

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

/// Receives one message, or bytes of a stream, with what else `message` has room for: the
/// sender's address, descriptors, which are close-on-exec. Result: how many bytes;
/// `msg_flags` tells whether there was more than fitted.
struct receive_message_request {
  int fd;
  msghdr* message;
};

/// Waits for readiness, for descriptors that others read. Result: the poll(2) events
/// seen.
struct poll_request {
  int fd;
  short events;
};

/// Moves bytes from one descriptor to another without passing them through the program.
/// One of the two is a pipe; both are, if the bytes stay where they were as well. Waits
/// for the disk, if one of them is a file, and for nothing else. Result: how many bytes;
/// 0 at the end; -EAGAIN if there are none now, or no room for them.
struct splice_request {
  int fd;
  int to;
  std::size_t size;
  bool stays = false;
};

enum class multishot_kind : std::uint8_t { accept, receive };

struct multishot;  // backend/multishot.hpp

/// Takes what comes next to a descriptor for which the kernel need not be asked each
/// time. Result: as of `accept_request`; or as of `receive_request`, and the bytes are in
/// `from->lent`.
struct next_request {
  int fd;
  multishot_kind kind;
  multishot* from;
};

/// Ends that. Cannot be cancelled. Result: 0, when nothing comes any more; what has come
/// and was not taken is in `of`.
struct end_request {
  int fd;
  multishot* of;
};

using request =
    std::variant<accept_request, connect_request, receive_request, send_request,
                 send_message_request, receive_message_request, poll_request,
                 read_request, write_request, read_pieces_request, write_pieces_request,
                 open_request, stat_request, sync_request, truncate_request,
                 rename_request, remove_request, make_directory_request, list_request,
                 splice_request, next_request, end_request>;

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
  bool v6_only = false;
};

/// Makes a datagram socket, close-on-exec, bound to `address` unless that is null.
/// Answer: its descriptor.
struct open_datagram_call {
  int family;
  const sockaddr* address;
  socklen_t length;
  bool reuse_port;
  bool v6_only;
};

/// Makes two Unix sockets that are connected to each other, close-on-exec. Answer: 0.
struct open_pair_call {
  int type;  ///< SOCK_STREAM or SOCK_DGRAM.
  int* ends;
};

/// Receives the messages that are there, as `receive_message_request`. Answer: how many,
/// at least one; -EAGAIN if there is none.
struct receive_messages_call {
  int fd;
  std::span<mmsghdr> messages;
};

/// Sends messages as long as there is room; never raises SIGPIPE. Answer: how many, at
/// least one; -EAGAIN if there is no room.
struct send_messages_call {
  int fd;
  std::span<mmsghdr> messages;
};

/// setsockopt(2). Answer: 0.
struct set_option_call {
  int fd;
  int level;
  int name;
  std::span<const std::byte> value;
};

/// getsockopt(2). Answer: 0.
struct get_option_call {
  int fd;
  int level;
  int name;
  std::span<std::byte> value;
};

/// Tells one file from another that takes its place later.
struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Looks at a Unix socket's file. Answer: 0, or -ENOTSOCK if it is another kind of file.
struct find_socket_file_call {
  const char* path;
  file_identity* found;
};

/// Removes a Unix socket's file, if it still is this one. Answer: 0.
struct remove_socket_file_call {
  const char* path;
  file_identity which;
};

/// What a test says of a host's name, where hosts are simulated.
struct known_host {
  std::vector<sockaddr_storage> addresses;
  duration lookup{};  ///< What it takes to ask.
};

/// Asks for a host. Answer: 0; -ENOENT if nobody has said anything; -ENOSYS where hosts
/// are real, and it takes time to ask for them.
struct find_host_call {
  std::string_view name;
  known_host* found;
};

/// Makes a pipe, both ends close-on-exec. Answer: 0.
struct open_pipe_call {
  std::array<int, 2>* ends;  ///< Read from the first, write to the second.
  int capacity = 0;          ///< In bytes, if there may be so many. 0: the usual.
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

using call = std::variant<open_stream_call, open_listener_call, open_datagram_call,
                          open_pair_call, open_pipe_call, shut_down_call, close_call,
                          socket_name_call, receive_messages_call, send_messages_call,
                          set_option_call, get_option_call, find_socket_file_call,
                          remove_socket_file_call, find_host_call>;

}  // namespace motet
