// SPDX-License-Identifier: MIT
// Servers, as short as they get.
#include <motet/motet.hpp>

#include <cstdlib>
#include <exception>
#include <string>

using namespace motet;

namespace tour {

/// Echoes, and hangs up on who says nothing for a minute.
void echo(tcp::stream& peer) {
  move_on_after(1min, [&](timeout& idle) {
    peer.recv_loop([&](std::span<const std::byte> data) {
      idle.reset();
      peer.write(data);
    });
  });
}

void echo_server() {
  motet::run([] {
    auto server = tcp::listen("127.0.0.1", 7000);
    server.accept_loop(echo);
  });
}

/// All that a handler may look like.
void handlers(tcp::listener& door, bool which) {
  if (which) door.accept_loop(&echo);
  if (which) door.accept_loop([](tcp::stream&) {});
  if (which) door.accept_loop([](tcp::stream) {});
  if (which) door.accept_loop([](tcp::stream&&) {});
  if (which) door.accept_loop([](auto&) {});
  if (which) door.accept_loop([](auto) {});
  if (which) door.accept_loop([](auto&&) {});
  auto kept = [count = 0](tcp::stream& peer) mutable {
    peer.write(std::to_string(++count));
  };
  if (which) door.accept_loop(kept);
  if (which) door.accept_loop({.grace = 1s}, echo);
  if (which) door.accept_loop({.max_connections = 100, .grace = 1s}, kept);
  const tcp::accept_options told{.on_error = [](std::exception_ptr) {}};
  door.accept_loop(told, echo);
}

void by_hand(tcp::listener& door) {
  for (tcp::stream& peer : door) {
    spin([](tcp::stream& mine) { echo(mine); }, std::move(peer));
  }
  std::error_code ec;
  tcp::stream one = door.accept(ec);
  if (!ec && one) one.write("hello from " + to_string(one.local()) + "\n");
}

void lines_and_chunks() {
  tcp::stream peer = tcp::connect("localhost", 7000, {.deadline = clock::now() + 5s});
  peer.write("HELLO\r\n");
  for (std::string& line : peer.lines()) {
    if (line.empty()) break;
  }
  for (const std::string& line : peer.lines(80))
    (void)line;
  std::byte room[512];
  for (std::span<const std::byte> piece : peer.chunks(room))
    (void)piece;
  std::size_t done = 0;
  (void)peer.read_exactly(room, done);
  peer.write(std::span<const std::byte>(room).first(done), done);
  const std::span<const std::byte> pieces[] = {std::span(room).first(1), room};
  peer.write(pieces);
  peer.shutdown_send();
  peer.close();
}

int serve_until_signalled(int argc, char** argv) {
  const run_options options{.backend = backend_kind::automatic,
                            .stack_size = 64 * 1024,
                            .signals = signal_policy::stop_main,
                            .on_unhandled = [](std::exception_ptr) { std::abort(); }};
  return run(options, [&] { return argc > 1 ? argv[1][0] : 0; });
}

void ways_to_run() {
  run([] {});
  const int result = run([] { return 1; });
  const std::string text = run({.backend = backend_kind::sim}, [] { return "x"; });
  run({.signals = signal_policy::none}, [&] { (void)result; });
  (void)text;
}

}  // namespace tour
