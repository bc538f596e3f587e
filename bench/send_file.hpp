// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the programs that send a file have in common: where to, and how long it took.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

inline double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

inline int connect_here(int port) {
  const int peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(peer, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
    return peer;
  std::perror("connect");
  std::exit(1);
}

/// Calls `send(file, peer)`, which sends all of it, and prints a line of JSON.
template <class Send>
int send_file(int argc, char** argv, Send send) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s FILE PORT\n", argv[0]);
    return 1;
  }
  const int file = ::open(argv[1], O_RDONLY | O_CLOEXEC);
  const int peer = connect_here(std::atoi(argv[2]));
  const auto start = std::chrono::steady_clock::now();
  const double before = processor_seconds();
  send(file, peer);
  ::shutdown(peer, SHUT_WR);
  char last = 0;
  [[maybe_unused]] const auto ignored = ::read(peer, &last, 1);  // all has arrived
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("{\"seconds\": %.4f, \"processor\": %.4f}\n", took.count(),
              processor_seconds() - before);
  return 0;
}

}  // namespace bench
