// SPDX-License-Identifier: MIT

/// @file
/// The echo server on motet: what the hand-written ones are compared with.
///
/// By default `recv_loop`, which lends the library's buffers; `--read` reads into 4 KiB
/// of the fiber's own stack. `--timeout` hangs up on peers that are silent for a minute.
/// With `--threads` each of them has a listener of its own, and the kernel spreads peers.

#include "descriptors.hpp"

#include <motet/motet.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include <getopt.h>

namespace {

using namespace motet;

struct server_options {
  int port = 0;
  bool read = false;
  bool timeout = false;
  int threads = 1;
  backend_kind backend = backend_kind::automatic;
};

// Four functions, not one with conditions in it: each fiber pays only for its own frame.

void echo_lent(tcp::stream& peer) {
  peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
}

void echo_lent_timed(tcp::stream& peer) {
  move_on_after(60s, [&](timeout& idle) {
    peer.recv_loop([&](std::span<const std::byte> data) {
      idle.reset();
      peer.write(data);
    });
  });
}

void echo_read(tcp::stream& peer) {
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const auto data = peer.read(buffer);
    if (data.empty()) return;
    peer.write(data);
  }
}

void echo_read_timed(tcp::stream& peer) {
  move_on_after(60s, [&](timeout& idle) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto data = peer.read(buffer);
      if (data.empty()) return;
      idle.reset();
      peer.write(data);
    }
  });
}

void announce(const tcp::listener& server) {
  std::printf("listening on 127.0.0.1:%u\n", unsigned{server.local().port()});
  std::fflush(stdout);
  std::fprintf(stderr, "backend: %s\n", backend_name());
}

void serve(tcp::listener& server, const server_options& options) {
  if (options.read && options.timeout) server.accept_loop(echo_read_timed);
  if (options.read && !options.timeout) server.accept_loop(echo_read);
  if (!options.read && options.timeout) server.accept_loop(echo_lent_timed);
  if (!options.read && !options.timeout) server.accept_loop(echo_lent);
}

void run_one(const server_options& options) {
  run({.backend = options.backend}, [&] {
    auto server = tcp::listen("127.0.0.1", static_cast<std::uint16_t>(options.port));
    announce(server);
    serve(server, options);
  });
}

/// The first listener picks the port, and all are there before anybody is told.
void run_several(const server_options& options) {
  const auto threads = static_cast<std::size_t>(options.threads);
  channel<std::uint16_t> picked(threads);
  latch ready(options.threads);
  run_threads(threads, {.backend = options.backend}, [&](std::size_t i) {
    const auto port =
        i == 0 ? static_cast<std::uint16_t>(options.port) : picked.receive();
    auto server = tcp::listen("127.0.0.1", port, {.reuse_port = true});
    for (std::size_t n = 1; i == 0 && n < threads; ++n)
      picked.send(server.local().port());
    ready.arrive_and_wait();
    if (i == 0) announce(server);
    serve(server, options);
  });
}

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s [--port N] [--read] [--timeout] [--threads N] "
               "[--backend uring|libev]\n",
               program);
  std::exit(1);
}

server_options parse(int argc, char** argv) {
  static const option names[] = {{"port", required_argument, nullptr, 'p'},
                                 {"read", no_argument, nullptr, 'r'},
                                 {"timeout", no_argument, nullptr, 't'},
                                 {"threads", required_argument, nullptr, 'n'},
                                 {"backend", required_argument, nullptr, 'b'},
                                 {nullptr, 0, nullptr, 0}};
  server_options options;
  for (int c = 0; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    const std::string_view argument = optarg != nullptr ? optarg : "";
    switch (c) {
      case 'p':
        options.port = std::atoi(optarg);
        break;
      case 'r':
        options.read = true;
        break;
      case 't':
        options.timeout = true;
        break;
      case 'n':
        options.threads = std::atoi(optarg);
        break;
      case 'b':
        if (argument != "uring" && argument != "libev") usage(argv[0]);
        options.backend = argument == "uring" ? backend_kind::uring : backend_kind::libev;
        break;
      default:
        usage(argv[0]);
    }
  }
  if (options.port < 0 || options.port > 65535) usage(argv[0]);
  if (options.threads < 1 || options.threads > 64) usage(argv[0]);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv);
  bench::raise_descriptor_limit();
  try {
    options.threads == 1 ? run_one(options) : run_several(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
