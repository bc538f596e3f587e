// SPDX-License-Identifier: MIT

/// @file
/// What must not be cut in half, and how to leave politely.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {

using namespace motet;

/// Hangs up as soon as the server says that it will; a rude one does not.
void be_a_peer(std::uint16_t port, bool rude) {
  auto server = tcp::connect("127.0.0.1", port);
  for (const std::string& line : server.lines()) {
    std::printf("peer: heard \"%s\"\n", line.c_str());
    if (line == "goodbye" && !rude) break;
  }
}

/// Has something to say to its peer, even if it is stopped while it waits.
void converse(tcp::stream& peer) {
  peer.write("welcome\n");
  std::byte buffer[100];
  try {
    while (!peer.read(buffer).empty()) {
    }
  } catch (const cancelled&) {
    const bool polite = shield(100ms, [&] {
      peer.write("goodbye\n");
      while (!peer.read(buffer).empty()) {
      }
    });
    std::puts(polite ? "server: the peer has hung up" : "server: enough is enough");
    throw;
  }
}

void say_goodbye(bool rude) {
  auto server = tcp::listen("127.0.0.1", 0);
  auto peer = spin(be_a_peer, server.local().port(), rude);
  auto served = spin([&] {
    auto stream = server.accept();
    converse(stream);
  });
  sleep(50ms);
  served.interrupt("closing time");
  peer.await();
}

/// The room is never left open, and never half open. In it, all may be cut short.
void use_the_room() {
  shield([](auto restore) {
    sleep(50ms);
    std::puts("room: unlocked");
    const finally lock([] {
      sleep(10ms);
      std::puts("room: locked");
    });
    restore([] {
      std::puts("room: music");
      sleep(1h);
    });
  });
}

void hold_a_room(duration before_the_alarm) {
  auto guest = spin(use_the_room);
  sleep(before_the_alarm);
  std::puts("a fire alarm");
  guest.interrupt("fire alarm");
}

/// Washes what is brought to it, until it is stopped.
void wash_up() {
  receive_loop(
      [](const std::string& what) { std::printf("washed: %s\n", what.c_str()); });
}

/// Masked, it is stopped only where it has to wait: what is there gets done.
void close_the_kitchen(bool masked) {
  auto cook = masked ? spin([] { mask(wash_up); }) : spin(wash_up);
  yield();
  cook << "a cup"
       << "a plate";
  std::puts("the kitchen closes");
  cook.interrupt();
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Shows what shields and masks do.");
  run([] {
    say_goodbye(false);
    say_goodbye(true);
    hold_a_room(100ms);
    hold_a_room(10ms);
    close_the_kitchen(false);
    close_the_kitchen(true);
  });
} catch (const std::exception& error) {
  return examples::explain(error);
}
