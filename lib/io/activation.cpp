// SPDX-License-Identifier: MIT
#include <motet/activation.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet {

namespace {

/// The first one, behind the standard ones (sd_listen_fds(3), SD_LISTEN_FDS_START).
constexpr int first_handed_over = 3;

std::string_view variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): who changes it meanwhile races with everybody
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// How many descriptors are meant for this process, and not for one that started it.
int count_handed_over() {
  if (number(variable("LISTEN_PID")) != ::getpid()) return 0;
  const int count = number(variable("LISTEN_FDS")).value_or(0);
  return count > 0 ? count : 0;
}

/// "web:control": takes the next one off.
std::string next_name(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find(':'));
  names.remove_prefix(std::min(names.size(), name.size() + 1));
  return std::string(name.empty() ? "unknown" : name);
}

std::optional<int> socket_option_of(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &length) != 0) return std::nullopt;
  return value;
}

void add(activated_sockets& to, std::string name, int fd) {
  const std::optional<int> type = socket_option_of(fd, SO_TYPE);
  const bool listens = socket_option_of(fd, SO_ACCEPTCONN).value_or(0) != 0;
  if (type == SOCK_STREAM && listens) {
    to.listeners.emplace_back(std::move(name), listener(fd));
  } else if (type == SOCK_STREAM) {
    to.streams.emplace_back(std::move(name), stream(fd));
  } else if (type == SOCK_DGRAM) {
    to.datagram_sockets.emplace_back(std::move(name), datagram_socket(fd));
  } else {
    to.others.emplace_back(std::move(name), owned_descriptor(fd));
  }
}

}  // namespace

activated_sockets take_activated_sockets(activation_variables variables) {
  activated_sockets taken;
  const int count = count_handed_over();
  std::string_view names = variable("LISTEN_FDNAMES");
  for (int fd = first_handed_over; fd < first_handed_over + count; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      throw std::system_error(errno, std::system_category(),
                              "LISTEN_FDS is " + std::to_string(count) +
                                  ", but descriptor " + std::to_string(fd));
    }
    add(taken, next_name(names), fd);
  }
  if (variables == activation_variables::unset) {
    for (const char* const name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})
      ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): asked for by the caller
  }
  return taken;
}

bool activated_sockets::empty() const noexcept {
  return listeners.empty() && datagram_sockets.empty() && streams.empty() &&
         others.empty();
}

}  // namespace motet
