// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Short words for tests that talk over TCP.

#include <motet/cancel.hpp>
#include <motet/run.hpp>
#include <motet/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace motet::test {

/// Runs `f` on the backend that MOTET_BACKEND names, and leaves signals alone.
template <class F>
auto run_on_backend(F&& f) {
  return motet::run({.signals = signal_policy::none}, std::forward<F>(f));
}

inline tcp::listener listen_here() {
  return tcp::listen("127.0.0.1", 0);
}

inline tcp::stream connect_to(const tcp::listener& where) {
  return tcp::connect("127.0.0.1", where.local().port());
}

/// Both ends of a connection.
struct connection {
  tcp::stream near;
  tcp::stream far;
};

inline connection connect_pair() {
  tcp::listener door = listen_here();
  tcp::stream near = connect_to(door);
  return {std::move(near), door.accept()};
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// What one read brings, at most `most` bytes.
inline std::string read_some(tcp::stream& from, std::size_t most = 256) {
  std::vector<std::byte> room(most);
  return text_of(from.read(room));
}

/// So many bytes, fewer only at the end of the stream.
inline std::string read_text(tcp::stream& from, std::size_t size) {
  std::vector<std::byte> room(size);
  return text_of(from.read_exactly(room));
}

/// All that is still to come.
inline std::string read_to_end(tcp::stream& from) {
  std::string all;
  from.recv_loop([&](std::span<const std::byte> data) { all += text_of(data); });
  return all;
}

/// How many bytes are still to come.
inline std::size_t count_to_end(tcp::stream& from) {
  std::size_t count = 0;
  from.recv_loop([&](std::span<const std::byte> data) { count += data.size(); });
  return count;
}

/// For what others do without being awaited. A peer may have an answer whose writer has
/// not heard that it is written.
template <class F>
void yield_until(F&& condition) {
  while (!condition())
    yield();
}

/// What an error that `f` throws says.
template <class F>
std::string complaint_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e.what();
  }
  return "no complaint";
}

/// Breaks the connection: the peer is told of a reset, on every backend.
inline void reset_peer(connection& c) {
  c.far.write("never read");
  // What is closed before all was read says so to the other end.
  std::byte one[1];
  (void)c.near.read(one);
  c.near.close();
}

}  // namespace motet::test
