// SPDX-License-Identifier: MIT
// Clients and a server with a gate between them that delays, splits and cuts.
#include "examples/rough_line.hpp"
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <string>
#include <system_error>

namespace motet {
namespace {

using examples::roughness;

constexpr int clients = 6;

struct seen {
  int whole = 0;   ///< Clients that got everything back.
  int failed = 0;  ///< That were told of an error.
  int wrong = 0;   ///< That got bytes nobody sent, or an end too early.
};

/// What a client gets back of what it sends through the gate.
void talk(std::uint16_t port, int number, std::size_t size, seen& all) try {
  tcp::stream gate = tcp::connect("127.0.0.1", port);
  std::string text;
  while (text.size() < size)
    text += "peer " + std::to_string(number) + " at " + std::to_string(text.size()) + " ";
  auto writing = spin([&] {
    gate.write(text);
    gate.shutdown_send();
  });
  const std::string back = test::read_to_end(gate);
  writing.await();
  ++(back == text ? all.whole : all.wrong);
} catch (const std::system_error&) {
  ++all.failed;
}

/// `unhandled` errors are those of the server's and the gate's fibers.
seen through_gate(const roughness& how, unsigned seed, std::size_t size) {
  seen all;
  int unhandled = 0;
  motet::run(
      {.signals = signal_policy::none,
       .on_unhandled = [&](const std::exception_ptr&) { ++unhandled; }},
      [&] {
        examples::dice luck(seed);
        tcp::listener server = test::listen_here();
        tcp::listener gate = test::listen_here();
        const std::uint16_t port = server.local().port();
        const scoped_fiber serving(spin([&] {
          server.accept_loop([](tcp::stream& peer) {
            peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
          });
        }));
        const scoped_fiber passing(spin([&] {
          gate.accept_loop([&](tcp::stream& peer) {
            tcp::stream there = tcp::connect("127.0.0.1", port);
            examples::copy_roughly(peer, there, how, luck);
          });
        }));
        with_scope([&](scope& s) {
          for (int i = 0; i < clients; ++i)
            s.spin([&, i] { talk(gate.local().port(), i, size, all); });
        });
      });
  CHECK(unhandled == 0);
  return all;
}

TEST_SUITE("gate") {
  TEST_CASE("everything comes through a smooth gate, large amounts as well") {
    const seen all = through_gate({}, 1, std::size_t{5} << 18U);
    CHECK(all.whole == clients);
  }

  TEST_CASE("everything comes through one that delays, byte by byte") {
    const seen all = through_gate({.delay = 200us, .piece = 1}, 2, 100);
    CHECK(all.whole == clients);
    CHECK(through_gate({.piece = 700}, 3, 20'000).whole == clients);
  }

  TEST_CASE("a cut is an error for its client, and for nobody else") {
    for (const unsigned seed : {4U, 5U}) {
      const seen all = through_gate({.piece = 300, .cut_after = 40'000}, seed, 10'000);
      CHECK(all.whole + all.failed == clients);
      CHECK(all.failed > 0);
      CHECK(all.whole > 0);
      CHECK(all.wrong == 0);
    }
  }
}

}  // namespace
}  // namespace motet
