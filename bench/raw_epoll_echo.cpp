// SPDX-License-Identifier: MIT

/// @file
/// An echo server written by hand on level-triggered epoll: what readiness can do.
///
/// `--timeout` hangs up on peers that are silent for a minute.

#include "echo_server.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>

namespace {

using namespace bench;

struct connection {
  idle_entry idle;  // first: an entry's address is its connection's
  int fd = -1;
  std::string unsent;  // what the socket's buffer had no room for
};

class server {
 public:
  explicit server(const server_options& options)
      : options_(options), listener_(listen_on_loopback(options.port)) {
    fcntl(listener_, F_SETFL, O_NONBLOCK);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) die("epoll_create1", errno);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events{};
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), events.size(), patience());
      if (options_.timeout) now_ = now_ns();
      for (int i = 0; i < n; ++i)
        handle(events[static_cast<std::size_t>(i)]);
      while (idle_entry* entry = idle_.take_expired(now_)) {
        close_connection(reinterpret_cast<connection*>(entry));
      }
    }
  }

 private:
  void watch(int how, int fd, std::uint32_t what, connection* c) const {
    epoll_event event{};
    event.events = what;
    event.data.ptr = c;
    if (epoll_ctl(epoll_, how, fd, &event) != 0) die("epoll_ctl", errno);
  }

  /// Milliseconds until the next peer has been silent for too long, rounded up.
  [[nodiscard]] int patience() const {
    if (idle_.empty()) return -1;
    const std::int64_t left = idle_.first()->deadline - now_;
    return static_cast<int>(std::max(left + 999'999, std::int64_t{0}) / 1'000'000);
  }

  void handle(const epoll_event& event) {
    auto* c = static_cast<connection*>(event.data.ptr);
    if (c == nullptr) return accept_one();
    if (!c->unsent.empty()) return send_rest(c);
    const ssize_t got = read(c->fd, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return close_connection(c);
    if (options_.timeout) idle_.touch(c->idle, now_);
    echo(c, static_cast<std::size_t>(got));
  }

  void accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED) return;
      std::fprintf(stderr, "accept: %s\n", std::strerror(errno));
      return;
    }
    auto* fresh = new connection;
    fresh->fd = fd;
    if (options_.timeout) idle_.touch(fresh->idle, now_);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN, fresh);
  }

  void echo(connection* c, std::size_t length) {
    const ssize_t sent = send(c->fd, buffer_.data(), length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return close_connection(c);
    const auto done = static_cast<std::size_t>(std::max(sent, ssize_t{0}));
    if (done == length) return;
    c->unsent.assign(buffer_.data() + done, length - done);
    watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
  }

  void send_rest(connection* c) {
    const ssize_t sent = send(c->fd, c->unsent.data(), c->unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return close_connection(c);
    c->unsent.erase(0, static_cast<std::size_t>(sent));
    if (c->unsent.empty()) watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
  }

  /// Safe in the middle of a batch of events: each descriptor occurs in it once.
  void close_connection(connection* c) {
    idle_.remove(c->idle);
    close(c->fd);
    delete c;
  }

  server_options options_;
  int listener_;
  int epoll_ = -1;
  std::array<char, 16384> buffer_{};
  idle_list idle_;
  std::int64_t now_ = now_ns();
};

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::none);
  raise_descriptor_limit();
  server(options).run();
}
