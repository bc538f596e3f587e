// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the echo servers beside motet's share: options, a listening socket, timeouts.
///
/// Some of them are the limit motet is compared with, so nothing here is on the path of a
/// message except `idle_list::touch`, which is four stores.

#include "descriptors.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace bench {

struct server_options {
  std::uint16_t port = 0;
  bool timeout = false;
  bool multishot = false;
  bool direct = false;
  bool linked = false;
};

[[noreturn]] inline void die(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(1);
}

/// Digits of a port number, or the end of the program.
inline std::uint16_t parse_port(const char* text) {
  char* end = nullptr;
  const long port = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || port < 0 || port > 65535) {
    std::fprintf(stderr, "--port wants a number from 0 to 65535, not '%s'\n", text);
    std::exit(1);
  }
  return static_cast<std::uint16_t>(port);
}

/// Whether there are --multishot, --direct and --linked.
enum class flavours { none, uring };

/// What the command line says, or the end of the program.
inline server_options parse(int argc, char** argv, flavours known) {
  static const option names[] = {
      {"multishot", no_argument, nullptr, 'm'}, {"direct", no_argument, nullptr, 'd'},
      {"linked", no_argument, nullptr, 'l'},    {"port", required_argument, nullptr, 'p'},
      {"timeout", no_argument, nullptr, 't'},   {nullptr, 0, nullptr, 0}};
  const bool all = known == flavours::uring;
  server_options options;
  for (int c = 0;
       (c = getopt_long(argc, argv, "", all ? names : names + 3, nullptr)) != -1;) {
    if (c == 'p') options.port = parse_port(optarg);
    if (c == 't') options.timeout = true;
    if (c == 'm') options.multishot = true;
    if (c == 'd') options.direct = true;
    if (c == 'l') options.linked = true;
    if (c != '?') continue;
    std::fprintf(stderr, "usage: %s [--port N] [--timeout]%s\n", argv[0],
                 all ? " [--multishot] [--direct] [--linked]" : "");
    std::exit(1);
  }
  return options;
}

constexpr int backlog = 4096;

/// A socket listening on 127.0.0.1. Accepted sockets inherit TCP_NODELAY from it, which
/// saves a system call per connection.
inline int listen_on_loopback(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", errno);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, generic, length) != 0) die("bind to 127.0.0.1", errno);
  if (listen(fd, backlog) != 0) die("listen", errno);
  getsockname(fd, generic, &length);
  std::printf("listening on 127.0.0.1:%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return fd;
}

inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

constexpr std::int64_t idle_limit_ns = 60'000'000'000;

/// A connection's place among those that may time out.
struct idle_entry {
  idle_entry* previous = nullptr;
  idle_entry* next = nullptr;
  std::int64_t deadline = 0;
};

/// Idle timeouts, all of one length: whoever was heard last is last in the list, so the
/// list is sorted without sorting. A general timer needs a heap; this is the limit.
class idle_list {
 public:
  idle_list() { end_.previous = end_.next = &end_; }
  idle_list(const idle_list&) = delete;
  idle_list& operator=(const idle_list&) = delete;

  [[nodiscard]] bool empty() const { return end_.next == &end_; }
  [[nodiscard]] idle_entry* first() const { return empty() ? nullptr : end_.next; }

  /// Starts `entry`'s minute anew.
  void touch(idle_entry& entry, std::int64_t now) {
    remove(entry);
    entry.deadline = now + idle_limit_ns;
    entry.previous = end_.previous;
    entry.next = &end_;
    end_.previous->next = &entry;
    end_.previous = &entry;
  }

  void remove(idle_entry& entry) {
    if (entry.next == nullptr) return;
    entry.previous->next = entry.next;
    entry.next->previous = entry.previous;
    entry.next = nullptr;
  }

  /// The first entry whose time is up, taken off the list; null if there is none.
  idle_entry* take_expired(std::int64_t now) {
    if (empty() || end_.next->deadline > now) return nullptr;
    idle_entry* expired = end_.next;
    remove(*expired);
    return expired;
  }

 private:
  idle_entry end_;
};

}  // namespace bench
