// SPDX-License-Identifier: MIT

/// @file
/// An echo server written by hand on libev: the limit for motet's libev backend.
///
/// `--timeout` hangs up on peers that are silent for a minute, in the way that libev's
/// manual recommends: the timer is left alone, and looks at the last activity when it
/// fires.

#include "echo_server.hpp"

#include <ev.h>

#include <algorithm>
#include <array>
#include <string>

#include <fcntl.h>

namespace {

using namespace bench;

constexpr ev_tstamp idle_limit = 60;

struct connection {
  ev_io readable{};
  ev_io writable{};
  ev_timer idle{};
  ev_tstamp last_activity = 0;
  std::string unsent;  // what the socket's buffer had no room for
};

class server {
 public:
  explicit server(const server_options& options)
      : options_(options), loop_(ev_loop_new(EVBACKEND_EPOLL)) {
    if (loop_ == nullptr) die("ev_loop_new", errno);
    ev_set_userdata(loop_, this);
    const int fd = listen_on_loopback(options.port);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ev_io_init(&listener_, &on_connection, fd, EV_READ);
    ev_io_start(loop_, &listener_);
  }

  void run() { ev_run(loop_, 0); }

 private:
  static server& of(struct ev_loop* loop) {
    return *static_cast<server*>(ev_userdata(loop));
  }
  static connection& of(void* data) { return *static_cast<connection*>(data); }

  static void on_connection(struct ev_loop* loop, ev_io* watcher, int) {
    of(loop).accept_one(watcher->fd);
  }
  static void on_readable(struct ev_loop* loop, ev_io* watcher, int) {
    of(loop).echo(of(watcher->data));
  }
  static void on_writable(struct ev_loop* loop, ev_io* watcher, int) {
    of(loop).send_rest(of(watcher->data));
  }
  static void on_idle(struct ev_loop* loop, ev_timer* timer, int) {
    of(loop).look_at_activity(of(timer->data));
  }

  void accept_one(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED) return;
      std::fprintf(stderr, "accept: %s\n", std::strerror(errno));
      return;
    }
    auto* fresh = new connection;
    ev_io_init(&fresh->readable, &on_readable, fd, EV_READ);
    ev_io_init(&fresh->writable, &on_writable, fd, EV_WRITE);
    ev_init(&fresh->idle, &on_idle);
    fresh->readable.data = fresh->writable.data = fresh->idle.data = fresh;
    ev_io_start(loop_, &fresh->readable);
    if (!options_.timeout) return;
    fresh->last_activity = ev_now(loop_);
    look_at_activity(*fresh);
  }

  void look_at_activity(connection& c) {
    const ev_tstamp left = c.last_activity + idle_limit - ev_now(loop_);
    if (left <= 0) return close_connection(c);
    ev_timer_set(&c.idle, left, 0);
    ev_timer_start(loop_, &c.idle);
  }

  void echo(connection& c) {
    const int fd = c.readable.fd;
    const ssize_t got = read(fd, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return close_connection(c);
    if (options_.timeout) c.last_activity = ev_now(loop_);
    const auto length = static_cast<std::size_t>(got);
    const ssize_t sent = send(fd, buffer_.data(), length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return close_connection(c);
    const auto done = static_cast<std::size_t>(std::max(sent, ssize_t{0}));
    if (done == length) return;
    c.unsent.assign(buffer_.data() + done, length - done);
    ev_io_stop(loop_, &c.readable);
    ev_io_start(loop_, &c.writable);
  }

  void send_rest(connection& c) {
    const ssize_t sent =
        send(c.writable.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return close_connection(c);
    c.unsent.erase(0, static_cast<std::size_t>(sent));
    if (!c.unsent.empty()) return;
    ev_io_stop(loop_, &c.writable);
    ev_io_start(loop_, &c.readable);
  }

  void close_connection(connection& c) {
    ev_io_stop(loop_, &c.readable);
    ev_io_stop(loop_, &c.writable);
    ev_timer_stop(loop_, &c.idle);
    close(c.readable.fd);
    delete &c;
  }

  server_options options_;
  struct ev_loop* loop_;
  ev_io listener_{};
  std::array<char, 16384> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::none);
  raise_descriptor_limit();
  server(options).run();
}
