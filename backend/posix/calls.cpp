// SPDX-License-Identifier: MIT
#include "backend/posix/calls.hpp"

#include <cerrno>
#include <variant>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet {
namespace {

int result_of(int returned) noexcept {
  return returned < 0 ? -errno : returned;
}

int flags_for(socket_mode mode) noexcept {
  return SOCK_CLOEXEC | (mode == socket_mode::non_blocking ? SOCK_NONBLOCK : 0);
}

int open_socket(int family, int type, socket_mode mode) noexcept {
  return result_of(::socket(family, type | flags_for(mode), 0));
}

int set_switch(int fd, int level, int name, bool on) noexcept {
  const int value = on ? 1 : 0;
  return result_of(::setsockopt(fd, level, name, &value, sizeof value));
}

int switch_on(int fd, int level, int name) noexcept {
  return set_switch(fd, level, name, true);
}

/// Small messages leave at once: who batches does so on purpose, in user space.
int send_without_delay(int fd, int family) noexcept {
  if (family != AF_INET && family != AF_INET6) return 0;
  return switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
}

/// What has to be said before a socket is bound.
int prepare_to_bind(int fd, int family, bool reuse_port, bool v6_only) noexcept {
  int failed = 0;
  if (reuse_port) failed = switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
  // Said either way: the default is the machine's (ipv6(7), bindv6only).
  if (failed == 0 && family == AF_INET6)
    failed = set_switch(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only);
  return failed;
}

int prepare_listener(int fd, const open_listener_call& ask) noexcept {
  const int family = ask.address->sa_family;
  int failed = switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (failed == 0) failed = prepare_to_bind(fd, family, ask.reuse_port, ask.v6_only);
  // Accepted sockets inherit the option, which saves a system call per connection.
  if (failed == 0) failed = send_without_delay(fd, family);
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
  const int fd = open_socket(ask.family, SOCK_STREAM, mode);
  if (fd < 0) return fd;
  return socket_or_failure(fd, send_without_delay(fd, ask.family));
}

std::int32_t answer_one(const open_listener_call& ask, socket_mode mode) noexcept {
  const int fd = open_socket(ask.address->sa_family, SOCK_STREAM, mode);
  if (fd < 0) return fd;
  return socket_or_failure(fd, prepare_listener(fd, ask));
}

/// Blocking: its ends may go to other processes, and be asked not to wait here.
std::int32_t answer_one(const open_pipe_call& ask, socket_mode) noexcept {
  const std::int32_t made = result_of(::pipe2(ask.ends->data(), O_CLOEXEC));
  // Who may not have that much gets what is usual.
  if (made == 0 && ask.capacity != 0)
    ::fcntl(ask.ends->front(), F_SETPIPE_SZ, ask.capacity);
  return made;
}

std::int32_t answer_one(const open_datagram_call& ask, socket_mode mode) noexcept {
  const int fd = open_socket(ask.family, SOCK_DGRAM, mode);
  if (fd < 0) return fd;
  int failed = prepare_to_bind(fd, ask.family, ask.reuse_port, ask.v6_only);
  if (failed == 0 && ask.address != nullptr)
    failed = result_of(::bind(fd, ask.address, ask.length));
  return socket_or_failure(fd, failed);
}

std::int32_t answer_one(const open_pair_call& ask, socket_mode mode) noexcept {
  return result_of(::socketpair(AF_UNIX, ask.type | flags_for(mode), 0, ask.ends));
}

std::int32_t answer_one(const receive_messages_call& ask, socket_mode) noexcept {
  const auto count = static_cast<unsigned>(ask.messages.size());
  int got = 0;
  do {
    got = result_of(::recvmmsg(ask.fd, ask.messages.data(), count,
                               MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr));
  } while (got == -EINTR);
  return got;
}

std::int32_t answer_one(const send_messages_call& ask, socket_mode) noexcept {
  const auto count = static_cast<unsigned>(ask.messages.size());
  int sent = 0;
  do {
    sent = result_of(
        ::sendmmsg(ask.fd, ask.messages.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL));
  } while (sent == -EINTR);
  return sent;
}

std::int32_t answer_one(const set_option_call& ask, socket_mode) noexcept {
  return result_of(::setsockopt(ask.fd, ask.level, ask.name, ask.value.data(),
                                static_cast<socklen_t>(ask.value.size())));
}

std::int32_t answer_one(const get_option_call& ask, socket_mode) noexcept {
  auto length = static_cast<socklen_t>(ask.value.size());
  return result_of(::getsockopt(ask.fd, ask.level, ask.name, ask.value.data(), &length));
}

std::int32_t answer_one(const find_socket_file_call& ask, socket_mode) noexcept {
  struct stat about {};
  if (const int failed = result_of(::lstat(ask.path, &about)); failed != 0) return failed;
  *ask.found = {about.st_dev, about.st_ino};
  return S_ISSOCK(about.st_mode) ? 0 : -ENOTSOCK;
}

std::int32_t answer_one(const remove_socket_file_call& ask, socket_mode mode) noexcept {
  file_identity found;
  const int failed = answer_one(find_socket_file_call{ask.path, &found}, mode);
  if (failed != 0) return failed;
  return found == ask.which ? result_of(::unlink(ask.path)) : -ENOENT;
}

std::int32_t answer_one(const find_host_call&, socket_mode) noexcept {
  return -ENOSYS;
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
