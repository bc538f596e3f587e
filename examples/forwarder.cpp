// SPDX-License-Identifier: MIT

/// @file
/// Passes connections on to a server, in both directions; on request over a line that
/// delays, splits and cuts, to see what the two make of it.

#include "examples/arguments.hpp"
#include "examples/rough_line.hpp"

#include <motet/motet.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <system_error>

namespace {

using namespace motet;

struct settings {
  std::uint16_t port;
  std::uint16_t upstream;
  duration idle;
  examples::roughness line;
  unsigned seed;
};

void forward(tcp::stream& peer, const settings& s, examples::dice& luck) {
  if (static_cast<int>(luck.up_to(std::size_t{99})) < s.line.refuse)
    return examples::reset(peer);
  tcp::stream server;
  try {
    server = tcp::connect("127.0.0.1", s.upstream, {.deadline = clock::now() + 10s});
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return examples::reset(peer);
  }
  move_on_after(s.idle, [&](timeout& quiet) {
    examples::copy_roughly(peer, server, s.line, luck,
                           {.on_progress = [&](std::size_t) { quiet.reset(); }});
  });
}

void serve(const settings& s) {
  examples::dice luck(s.seed);
  auto door = tcp::listen("127.0.0.1", s.port);
  std::printf("listening on %s\n", to_string(door.local()).c_str());
  std::fflush(stdout);
  door.accept_loop([&](tcp::stream& peer) { forward(peer, s, luck); });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 7100;
  int to = 7000;
  int idle = 60;
  int delay = 0;
  int piece = 0;
  int cut = 0;
  int refuse = 0;
  int seed = 1;
  examples::read_arguments(
      argc, argv,
      "Passes connections on to a server. SIGINT and SIGTERM end it. The options after\n"
      "--idle make the line worse, as --seed decides.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"to", "N", "the server's port on 127.0.0.1", 1, 65535, to},
       {"idle", "SECONDS", "hang up after so long a silence", 1, 86400, idle},
       {"delay", "MS", "each piece waits up to so long", 0, 60000, delay},
       {"piece", "BYTES", "so many at a time at most; 0 is all", 0, 1 << 20, piece},
       {"cut-after", "BYTES", "reset within so many; 0 is never", 0, 1 << 30, cut},
       {"refuse", "PERCENT", "of the connections", 0, 100, refuse},
       {"seed", "N", "decides what happens when", 0, 1 << 30, seed}});
  const settings all{static_cast<std::uint16_t>(port),
                     static_cast<std::uint16_t>(to),
                     std::chrono::seconds(idle),
                     {.delay = std::chrono::milliseconds(delay),
                      .piece = static_cast<std::size_t>(piece),
                      .cut_after = static_cast<std::size_t>(cut),
                      .refuse = refuse},
                     static_cast<unsigned>(seed)};
  run([&] { serve(all); });
} catch (const std::exception& error) {
  return examples::explain(error);
}
