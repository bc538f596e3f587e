// SPDX-License-Identifier: MIT

/// @file
/// An echo server on Asio, with a stackful coroutine per connection (`asio::spawn`),
/// which reads into 4 KiB of its own stack.
///
/// `--timeout` hangs up on peers that are silent for a minute: a timer per connection,
/// which each message sets anew.

#include "asio_connection.hpp"

#include <array>
#include <exception>
#include <memory>

#include <asio/spawn.hpp>

namespace {

using namespace bench;

void echo(asio_connection& c, bool timeout, const asio::yield_context& yield) {
  std::array<char, 4096> buffer;
  for (;;) {
    if (timeout) c.wait_for_silence();
    asio::error_code error;
    const std::size_t got = c.peer.async_read_some(asio::buffer(buffer), yield[error]);
    if (error) break;
    asio::async_write(c.peer, asio::buffer(buffer, got), yield[error]);
    if (error) break;
  }
  c.idle.cancel();
}

void accept_all(asio::io_context& context, const server_options& options,
                const asio::yield_context& yield) {
  tcp::acceptor acceptor = listen_with_asio(context, options.port);
  for (;;) {
    tcp::socket peer(context);
    acceptor.async_accept(peer, yield);
    auto c = std::make_shared<asio_connection>(std::move(peer));
    asio::spawn(context, [c, timeout = options.timeout](const asio::yield_context& own) {
      echo(*c, timeout, own);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::none);
  raise_descriptor_limit();
  asio::io_context context(1);  // it is told that there is one thread
  asio::spawn(context, [&](const asio::yield_context& yield) {
    accept_all(context, options, yield);
  });
  try {
    context.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
