// SPDX-License-Identifier: MIT

/// @file
/// Sends datagrams back to where they came from, over UDP, or on sockets that systemd has
/// opened; connections that systemd listens for as well.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace motet;

/// Says how long a queue of answers may be, and how large each.
constexpr std::size_t most_at_a_time = 64;
constexpr std::size_t largest = 65'536;

template <class Socket>
void announce(const Socket& at) {
  std::printf("listening on %s\n", to_string(at.local()).c_str());
  std::fflush(stdout);
}

void echo_datagrams(datagram_socket& at) {
  datagram_batch batch(most_at_a_time, largest);
  std::vector<outgoing_datagram> answers;
  for (;;) {
    answers.clear();
    for (const datagram& each : at.receive_batch(batch)) {
      // Who has no address cannot be answered, and half a message is none.
      if (each.from && !each.truncated) answers.push_back({each.data, each.from});
    }
    std::span<const outgoing_datagram> left = answers;
    while (!left.empty()) {
      std::size_t done = 0;
      try {
        at.send_batch(left, done);
      } catch (const std::system_error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ++done;  // this one cannot be sent; the others can
      }
      left = left.subspan(done);
    }
  }
}

void echo_streams(listener& door) {
  door.accept_loop([](stream& peer) {
    peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
  });
}

void serve(std::uint16_t port, activated_sockets& given) {
  std::fprintf(stderr, "backend: %s\n", backend_name());
  with_scope([&](scope& all) {
    for (auto& [name, socket] : given.datagram_sockets) {
      announce(socket);
      all.spin([&at = socket] { echo_datagrams(at); });
    }
    for (auto& [name, door] : given.listeners) {
      announce(door);
      all.spin([&at = door] { echo_streams(at); });
    }
    if (!given.empty()) return;
    datagram_socket own = udp::bind("127.0.0.1", port);
    announce(own);
    echo_datagrams(own);
  });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 7000;
  examples::read_arguments(
      argc, argv, "Sends datagrams back. SIGINT and SIGTERM end it.",
      {{"port", "N", "where on 127.0.0.1; 0 picks one", 0, 65535, port}});
  activated_sockets given = take_activated_sockets();
  run([&] { serve(static_cast<std::uint16_t>(port), given); });
} catch (const std::exception& error) {
  return examples::explain(error);
}
