// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/cancel.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::connect_pair;
using test::connect_to;
using test::listen_here;
using test::read_some;
using test::read_text;
using test::run_on_backend;

TEST_SUITE("tcp: races") {
  TEST_CASE("R-05: bytes that came before the stop are returned, the next read throws") {
    testing::run([] {
      auto [near, far] = connect_pair();
      std::string got;
      auto reader = spin([&, &far = far] {
        got += read_some(far);
        got += read_some(far);
      });
      testing::settle();
      // Both complete in one turn, the write first.
      near.write("abc");
      CHECK(got.empty());
      reader.stop();
      CHECK(reader.outcome().stopped());
      CHECK(got == "abc");
    });
  }

  TEST_CASE("R-05: with whatever order of stop and bytes, no byte is lost") {
    run_on_backend([] {
      for (int i = 0; i < 100; ++i) {
        auto [near, far] = connect_pair();
        std::string got;
        auto reader = spin([&, &far = far] {
          got += read_some(far);
          got += read_some(far);
        });
        for (int n = 0; n < i % 4; ++n)
          yield();
        near.write("abc");
        for (int n = 0; n < i % 3; ++n)
          yield();
        reader.stop();
        CHECK(reader.outcome().stopped());
        if (got.empty()) got = read_text(far, 3);
        CHECK(got == "abc");
      }
    });
  }

  TEST_CASE("R-07: a connection that was accepted as the stop came does not leak") {
    run_on_backend([] {
      tcp::listener door = listen_here();
      int accepted = 0;
      for (int i = 0; i < 1000; ++i) {
        bool taken = false;
        auto server = spin([&] {
          const tcp::stream peer = door.accept();
          taken = true;
          checkpoint();
          checkpoint();
        });
        for (int n = 0; n < i % 3; ++n)
          yield();
        tcp::stream near = connect_to(door);
        for (int n = 0; n < i % 5; ++n)
          yield();
        server.stop();
        (void)server.outcome();
        if (taken) {
          ++accepted;
        } else {
          (void)door.accept();
        }
        CHECK(read_some(near).empty());
      }
      CHECK(accepted > 0);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("R-24: bytes and deadline in one turn: the bytes win") {
    testing::run([] {
      auto [near, far] = connect_pair();
      auto writer = spin([&near = near] {
        sleep(5ms);
        testing::busy(20ms);
        near.write("abc");
      });
      bool fired = false;
      auto got = move_on_after(10ms, [&, &far = far](timeout& t) {
        const std::string text = read_some(far);
        fired = t.fired();
        return text;
      });
      CHECK(got == "abc");
      CHECK(fired);
      writer.await();
    });
  }

  TEST_CASE("R-23: what was received beats the cancel, which stays for the next point") {
    testing::run([] {
      auto [near, far] = connect_pair();
      std::string got;
      bool went_on = false;
      auto reader = spin([&, &far = far] {
        const bool in_time = move_on_after(1s, [&] {
          got = read_some(far);
          checkpoint();
          went_on = true;
        });
        CHECK_FALSE(in_time);
      });
      testing::settle();
      testing::busy(2s);
      near.write("late");
      CHECK_NOTHROW(reader.await());
      CHECK(got == "late");
      CHECK_FALSE(went_on);
    });
  }
}

}  // namespace
}  // namespace motet
