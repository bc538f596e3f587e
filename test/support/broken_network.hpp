// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Short words for tests whose network breaks.

#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <span>
#include <system_error>

namespace motet::test {

/// What `f` fails with; no error if it does not.
template <class F>
std::error_code code_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e.code();
  }
  return {};
}

inline void echo(tcp::stream& peer) {
  peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
}

/// A server on port 7000 that echoes.
struct echo_server {
  tcp::listener door = tcp::listen("127.0.0.1", 7000);
  scoped_fiber serving{spin([this] { door.accept_loop(&echo); })};
};

inline tcp::stream call_server() {
  return tcp::connect("127.0.0.1", 7000);
}

inline time_point at(duration since_start) {
  return time_point(since_start);
}

}  // namespace motet::test
