// SPDX-License-Identifier: MIT

/// @file
/// An echo server on Asio, with callbacks.
///
/// `--timeout` hangs up on peers that are silent for a minute: a timer per connection,
/// which each message sets anew.

#include "asio_connection.hpp"

#include <array>
#include <memory>

namespace {

using namespace bench;

class session : public asio_connection {
 public:
  session(tcp::socket from, bool timeout)
      : asio_connection(std::move(from)), timeout_(timeout) {}

  void receive() {
    if (timeout_) wait_for_silence();
    peer.async_read_some(
        asio::buffer(buffer_),
        [self = shared()](const asio::error_code& error, std::size_t length) {
          error ? self->end() : self->send(length);
        });
  }

 private:
  void send(std::size_t length) {
    asio::async_write(peer, asio::buffer(buffer_, length),
                      [self = shared()](const asio::error_code& error, std::size_t) {
                        error ? self->end() : self->receive();
                      });
  }

  void end() { idle.cancel(); }

  std::shared_ptr<session> shared() {
    return std::static_pointer_cast<session>(shared_from_this());
  }

  bool timeout_;
  std::array<char, 4096> buffer_{};
};

void accept_all(tcp::acceptor& acceptor, bool timeout) {
  acceptor.async_accept([&, timeout](const asio::error_code& error, tcp::socket peer) {
    if (error) {
      std::fprintf(stderr, "accept: %s\n", error.message().c_str());
    } else {
      std::make_shared<session>(std::move(peer), timeout)->receive();
    }
    accept_all(acceptor, timeout);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::none);
  raise_descriptor_limit();
  asio::io_context context(1);  // it is told that there is one thread
  tcp::acceptor acceptor = listen_with_asio(context, options.port);
  accept_all(acceptor, options.timeout);
  context.run();
}
