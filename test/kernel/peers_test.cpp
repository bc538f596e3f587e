// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/mailbox.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace motet {
namespace {

using test::connect_to;
using test::listen_here;
using test::plain_client;
using test::read_text;
using test::read_to_end;
using test::run_on_kernel;

void echo(tcp::stream& peer) {
  peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
}

bool echoes(tcp::stream& with, const std::string& text) {
  with.write(text);
  return read_text(with, text.size()) == text;
}

/// Raises the limit of descriptors for a while.
class many_descriptors {
 public:
  explicit many_descriptors(rlim_t wanted) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit more{wanted, std::max(wanted, before_.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &more) == 0) return;
    more = {before_.rlim_max, before_.rlim_max};  // as much as an ordinary user may have
    ::setrlimit(RLIMIT_NOFILE, &more);
  }
  many_descriptors(const many_descriptors&) = delete;
  many_descriptors& operator=(const many_descriptors&) = delete;
  ~many_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  /// How many pairs of descriptors there is room for, beside some others.
  [[nodiscard]] static std::size_t pairs(std::size_t wanted) {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return std::min<std::size_t>(wanted, (now.rlim_cur - 100) / 2);
  }

 private:
  rlimit before_{};
};

TEST_SUITE("kernel: peers") {
  TEST_CASE("1,000 connections at a time are echoed") {
    const many_descriptors raised(4096);
    const std::size_t count = many_descriptors::pairs(1000);
    run_on_kernel([&] {
      const auto before = test::open_descriptors();
      {
        tcp::listener door = listen_here();
        std::size_t active = 0;
        auto server = spin([&] {
          door.accept_loop([&](tcp::stream& peer) {
            ++active;
            echo(peer);
          });
        });
        std::size_t echoed = 0;
        with_scope([&](scope& all) {
          for (std::size_t i = 0; i < count; ++i) {
            all.spin([&, i] {
              tcp::stream near = connect_to(door);
              bool right = echoes(near, "hello " + std::to_string(i));
              // Nobody leaves before everybody is served.
              while (active < count)
                sleep(1ms);
              right = echoes(near, std::string(3000, 'x')) && right;
              near.shutdown_send();
              if (right && read_to_end(near).empty()) ++echoed;
            });
          }
        });
        CHECK(echoed == count);
        CHECK(server.interrupt().stopped());
      }
      CHECK(test::open_descriptors() == before);
    });
  }

  TEST_CASE("I-17: 10,000 parked reads cancelled at once all end, and others go on") {
    const many_descriptors raised(20'100);
    const std::size_t count = many_descriptors::pairs(10'000);
    run_on_kernel([&] {
      std::vector<tcp::stream> ends;
      for (std::size_t i = 0; i < count; ++i) {
        int pair[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        ends.emplace_back(pair[0]);
        ends.emplace_back(pair[1]);
      }
      std::size_t unwound = 0;
      std::vector<fiber<>> readers;
      for (std::size_t i = 0; i < count; ++i) {
        readers.push_back(spin([&unwound, &end = ends[2 * i]] {
          const test::cleanup last([&] { ++unwound; });
          std::byte room[64];
          (void)end.read(room);
        }));
      }
      testing::settle();
      CHECK(testing::operations_in_flight() == count);
      std::size_t turns = 0;
      auto ticker = spin([&] {
        for (;;) {
          ++turns;
          yield();
        }
      });
      for (const auto& reader : readers)
        reader.stop();
      for (const auto& reader : readers)
        CHECK(reader.outcome().stopped());
      CHECK(unwound == count);
      CHECK(turns > 1);
      ticker.interrupt();
      CHECK(testing::operations_in_flight() == 0);
      // Nothing was taken from the streams, and they still work.
      ends[1].write("x");
      CHECK(read_text(ends[0], 1) == "x");
    });
  }

  TEST_CASE("a peer that says nothing is hung up on, others are not disturbed") {
    run_on_kernel([] {
      tcp::listener door = listen_here();
      auto server = spin([&] {
        door.accept_loop([](tcp::stream& peer) {
          move_on_after(50ms, [&](timeout& idle) {
            peer.recv_loop([&](std::span<const std::byte> data) {
              idle.reset(1h);
              peer.write(data);
            });
          });
        });
      });
      tcp::stream talks = connect_to(door);
      const bool heard = echoes(talks, "first");  // in time, if the machine was
      tcp::stream silent = connect_to(door);
      CHECK(read_to_end(silent).empty());
      if (heard) CHECK(echoes(talks, "still here"));
      server.interrupt();
    });
  }

  TEST_CASE("F11: peers that reset, half-close or vanish disturb nobody else") {
    std::vector<std::string> unexpected;
    const run_options options{
        .signals = signal_policy::none,
        .on_unhandled = [&](std::exception_ptr e) { unexpected.push_back(describe(e)); }};
    motet::run(options, [] {
      const auto before = test::open_descriptors();
      {
        tcp::listener door = listen_here();
        const std::uint16_t port = door.local().port();
        auto server = spin([&] { door.accept_loop(&echo); });
        tcp::stream good = connect_to(door);
        std::string half;
        bool done = false;
        fiber_ref main = this_fiber::self();
        std::thread clients([&] {
          for (int i = 0; i < 100; ++i) {
            plain_client resets(port);
            resets.send("to be reset");
            if (i % 2 == 0) resets.receive();
            resets.reset();
            plain_client unheard(port);
            unheard.send(std::string(100'000, 'x'));
            unheard.close();
            plain_client half_closes(port);
            half_closes.send("half");
            half_closes.shutdown_send();
            while (true) {
              const std::string more = half_closes.receive();
              if (more.empty()) break;
              half += more;
            }
          }
          main << true;
        });
        while (!done) {
          CHECK(echoes(good, "undisturbed"));
          sleep(1ms);
          done = try_receive<bool>().value_or(false);
        }
        clients.join();
        CHECK(half.size() == 400);
        CHECK(echoes(good, "to the end"));
        CHECK(server.interrupt().stopped());
      }
      CHECK(test::open_descriptors() == before);
    });
    CHECK(unexpected.empty());
  }

  TEST_CASE("I-06: a cancelled connect leaves no descriptor") {
    run_on_kernel([] {
      tcp::listener full = tcp::listen("127.0.0.1", 0, {.backlog = 0});
      std::vector<tcp::stream> waiting;
      while (auto more = move_on_after(20ms, [&] { return connect_to(full); })) {
        waiting.push_back(std::move(*more));
      }
      const auto before = test::open_descriptors();
      for (int i = 0; i < 100; ++i) {
        auto caller = spin([&] { return connect_to(full); });
        testing::settle();
        CHECK(caller.interrupt().stopped());
      }
      CHECK(test::open_descriptors() == before);
    });
  }
}

}  // namespace
}  // namespace motet
