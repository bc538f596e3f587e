// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Tests against the kernel: how often to try, what is open, and clients without fibers.

#include <motet/run.hpp>
#include <motet/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// How often a race is run.
inline constexpr int rounds = sanitized ? 1'000 : 10'000;

/// How many descriptors this process has open.
inline std::ptrdiff_t open_descriptors() {
  using walk = std::filesystem::directory_iterator;
  // One of them is the walk's own.
  return std::distance(walk("/proc/self/fd"), walk()) - 1;
}

/// Runs `f` on the backend that MOTET_BACKEND names, and leaves signals alone.
template <class F>
auto run_on_kernel(F&& f) {
  return motet::run({.signals = signal_policy::none}, std::forward<F>(f));
}

/// Computes for that long in real time, without parking.
inline void compute(duration span) {
  const auto end = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < end) {
  }
}

/// A connection that blocks its thread, as other programs have them.
class plain_client {
 public:
  explicit plain_client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
  }
  plain_client(plain_client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  plain_client(const plain_client&) = delete;
  plain_client& operator=(const plain_client&) = delete;
  ~plain_client() { close(); }

  [[nodiscard]] bool connected() const { return connected_; }

  bool send(std::string_view text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  /// What one read brings; nothing at the end, or if the connection broke.
  std::string receive() {
    char room[256];
    const ssize_t got = ::recv(fd_, room, sizeof room, 0);
    return {room, got > 0 ? static_cast<std::size_t>(got) : 0};
  }

  void shutdown_send() { ::shutdown(fd_, SHUT_WR); }

  /// Closes so that the peer is told of a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  bool connected_ = false;
};

}  // namespace motet::test
