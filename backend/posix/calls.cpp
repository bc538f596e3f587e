// SPDX-License-Identifier: MIT
#include "backend/posix/calls.hpp"

#include <cerrno>
#include <variant>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet {
namespace {

int result_of(int returned) noexcept {
  return returned < 0 ? -errno : returned;
}

int open_socket(int family, socket_mode mode) noexcept {
  const int wanted = mode == socket_mode::non_blocking ? SOCK_NONBLOCK : 0;
  return result_of(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | wanted, 0));
}

int switch_on(int fd, int level, int name) noexcept {
  const int on = 1;
  return result_of(::setsockopt(fd, level, name, &on, sizeof on));
}

/// Small messages leave at once: who batches does so on purpose, in user space.
int send_without_delay(int fd, int family) noexcept {
  if (family != AF_INET && family != AF_INET6) return 0;
  return switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
}

int prepare_listener(int fd, const open_listener_call& ask) noexcept {
  int failed = switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (failed == 0 && ask.reuse_port) failed = switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
  // Accepted sockets inherit the option, which saves a system call per connection.
  if (failed == 0) failed = send_without_delay(fd, ask.address->sa_family);
  if (failed == 0) failed = result_of(::bind(fd, ask.address, ask.length));
  if (failed == 0) failed = result_of(::listen(fd, ask.backlog));
  return failed;
}

int socket_or_failure(int fd, int failed) noexcept {
  if (failed == 0) return fd;
  ::close(fd);
  return failed;
}

std::int32_t answer_one(const open_stream_call& ask, socket_mode mode) noexcept {
  const int fd = open_socket(ask.family, mode);
  if (fd < 0) return fd;
  return socket_or_failure(fd, send_without_delay(fd, ask.family));
}

std::int32_t answer_one(const open_listener_call& ask, socket_mode mode) noexcept {
  const int fd = open_socket(ask.address->sa_family, mode);
  if (fd < 0) return fd;
  return socket_or_failure(fd, prepare_listener(fd, ask));
}

/// Blocking: its ends may go to other processes, and be asked not to wait here.
std::int32_t answer_one(const open_pipe_call& ask, socket_mode) noexcept {
  return result_of(::pipe2(ask.ends->data(), O_CLOEXEC));
}

std::int32_t answer_one(const shut_down_call& ask, socket_mode) noexcept {
  return result_of(::shutdown(ask.fd, ask.how));
}

std::int32_t answer_one(const close_call& ask, socket_mode) noexcept {
  const int answer = result_of(::close(ask.fd));
  // Linux has freed the descriptor even when it says so: closing again would hit a
  // stranger.
  return answer == -EINTR ? 0 : answer;
}

std::int32_t answer_one(const socket_name_call& ask, socket_mode) noexcept {
  socklen_t length = sizeof *ask.address;
  auto* const address = reinterpret_cast<sockaddr*>(ask.address);
  const int failed = ask.side == endpoint_side::local
                         ? result_of(::getsockname(ask.fd, address, &length))
                         : result_of(::getpeername(ask.fd, address, &length));
  return failed < 0 ? failed : static_cast<std::int32_t>(length);
}

}  // namespace

std::int32_t answer_by_system_call(const call& question, socket_mode mode) noexcept {
  return std::visit([=](const auto& ask) { return answer_one(ask, mode); }, question);
}

}  // namespace motet
