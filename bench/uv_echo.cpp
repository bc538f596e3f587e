// SPDX-License-Identifier: MIT

/// @file
/// An echo server on libuv: writes at once, and by a request what did not fit.
///
/// `--timeout` hangs up on peers that are silent for a minute: a repeating timer, which
/// each message starts again.

#include "echo_server.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <uv.h>

namespace {

using namespace bench;

bool with_timeout = false;

/// Freed when both handles are closed.
struct connection {
  uv_tcp_t peer{};
  uv_timer_t idle{};
  uv_write_t request{};
  std::string unsent;  // what the socket's buffer had no room for
  int closed = 0;
};

connection& of(const void* data) {
  return *static_cast<connection*>(const_cast<void*>(data));
}

template <typename Handle>
uv_handle_t* handle(Handle& of_some_kind) {
  return reinterpret_cast<uv_handle_t*>(&of_some_kind);
}
uv_stream_t* stream(connection& c) {
  return reinterpret_cast<uv_stream_t*>(&c.peer);
}

void on_closed(uv_handle_t* closed) {
  connection& c = of(closed->data);
  if (++c.closed == 2) delete &c;
}

void close_connection(connection& c) {
  if (uv_is_closing(handle(c.peer))) return;
  uv_close(handle(c.peer), &on_closed);
  uv_close(handle(c.idle), &on_closed);
}

void on_idle(uv_timer_t* timer) {
  close_connection(of(timer->data));
}

/// One buffer for all: nothing is kept in it from one read to the next.
void lend_buffer(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
  static std::array<char, 16384> bytes;
  *buffer = uv_buf_init(bytes.data(), bytes.size());
}

void on_readable(uv_stream_t* from, ssize_t got, const uv_buf_t* buffer);

void on_written(uv_write_t* request, int error) {
  connection& c = of(request->data);
  if (error != 0) return close_connection(c);
  uv_read_start(stream(c), &lend_buffer, &on_readable);
}

void on_readable(uv_stream_t* from, ssize_t got, const uv_buf_t* buffer) {
  connection& c = of(from->data);
  if (got == 0) return;
  if (got < 0) return close_connection(c);
  if (with_timeout) uv_timer_again(&c.idle);
  uv_buf_t bytes = uv_buf_init(buffer->base, static_cast<unsigned>(got));
  const int sent = uv_try_write(from, &bytes, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) return close_connection(c);
  const auto done = static_cast<std::size_t>(std::max(sent, 0));
  c.unsent.assign(buffer->base + done, static_cast<std::size_t>(got) - done);
  bytes = uv_buf_init(c.unsent.data(), static_cast<unsigned>(c.unsent.size()));
  uv_read_stop(from);
  if (uv_write(&c.request, from, &bytes, 1, &on_written) != 0) close_connection(c);
}

void on_connection(uv_stream_t* listener, int error) {
  if (error != 0) {
    std::fprintf(stderr, "accept: %s\n", uv_strerror(error));
    return;
  }
  auto* c = new connection;
  uv_tcp_init(listener->loop, &c->peer);
  uv_timer_init(listener->loop, &c->idle);
  c->peer.data = c->idle.data = c->request.data = c;
  if (uv_accept(listener, stream(*c)) != 0) return close_connection(*c);
  constexpr std::uint64_t limit = idle_limit_ns / 1'000'000;
  if (with_timeout) uv_timer_start(&c->idle, &on_idle, limit, limit);
  uv_read_start(stream(*c), &lend_buffer, &on_readable);
}

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::none);
  with_timeout = options.timeout;
  raise_descriptor_limit();
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  int error = uv_tcp_open(&listener, listen_on_loopback(options.port));
  auto* accepting = reinterpret_cast<uv_stream_t*>(&listener);
  if (error == 0) error = uv_listen(accepting, backlog, &on_connection);
  if (error != 0) die("listen", -error);
  uv_run(loop, UV_RUN_DEFAULT);
}
