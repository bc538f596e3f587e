// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include "test/support/broken_network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace motet {
namespace {

using test::at;
using test::call_server;
using test::code_of;
using test::count_to_end;
using test::echo_server;
using test::read_some;
using test::read_text;
using test::read_to_end;

TEST_SUITE("testing::network: time") {
  TEST_CASE("what is sent over a slow line takes its time") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("hello");
      CHECK(clock::now() == at(0ms));
      CHECK(read_text(c.far, 5) == "hello");
      CHECK(clock::now() == at(50ms));
      CHECK(net.counts().delays == 1);
    });
  }

  TEST_CASE("a connect over a slow line takes there and back") {
    testing::run([] {
      testing::network net;
      net.delay(50ms);
      const echo_server server;
      tcp::stream near = call_server();
      CHECK(clock::now() == at(100ms));
      near.write("hello");
      CHECK(read_text(near, 5) == "hello");
      CHECK(clock::now() == at(200ms));
    });
  }

  TEST_CASE("a read gives up before its bytes arrive, and the next one gets them") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("hello");
      CHECK_FALSE(move_on_after(49ms, [&] { read_text(c.far, 5); }));
      CHECK(clock::now() == at(49ms));
      CHECK(read_text(c.far, 5) == "hello");
      CHECK(clock::now() == at(50ms));
    });
  }

  TEST_CASE("bytes, the end and what was sent before keep their order") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("slow");
      net.delay(0ms);
      c.near.write(", fast");
      c.near.close();
      CHECK(read_to_end(c.far) == "slow, fast");
      CHECK(clock::now() == at(50ms));
    });
  }

  TEST_CASE("the end of a stream travels as long as bytes do") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.shutdown_send();
      CHECK(read_to_end(c.far).empty());
      CHECK(clock::now() == at(50ms));
    });
  }

  TEST_CASE("a connection closed with bytes still on their way to it is reset") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("too late");
      c.far.close();
      CHECK(code_of([&] { read_some(c.near); }) == std::errc::connection_reset);
      CHECK(clock::now() == at(50ms));
    });
  }

  TEST_CASE("the network is as before when it is destroyed, and what was sent arrives") {
    testing::run([] {
      std::optional<testing::network> net(std::in_place);
      testing::connection c = net->pair();
      net->delay(50ms);
      c.near.write("a");
      net.reset();
      c.near.write("b");
      CHECK(read_text(c.far, 2) == "ab");
      CHECK(clock::now() == at(50ms));
      c.near.write("c");
      CHECK(read_text(c.far, 1) == "c");
      CHECK(clock::now() == at(50ms));
    });
  }

  TEST_CASE("time that passes in a computation brings what was on its way") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("hello");
      testing::busy(60ms);
      CHECK(read_text(c.far, 5) == "hello");
      CHECK(clock::now() == at(60ms));
    });
  }
}

TEST_SUITE("testing::network: amounts") {
  TEST_CASE("an echo arrives whole, one byte at a time") {
    testing::run([] {
      testing::network net;
      net.one_byte();
      const echo_server server;
      tcp::stream near = call_server();
      const std::string sent = "one byte at a time";
      near.write(sent);
      CHECK(read_some(near) == "o");
      CHECK(read_text(near, sent.size() - 1) == sent.substr(1));
      CHECK(net.counts().short_transfers >= sent.size() - 1);
    });
  }

  TEST_CASE("several pieces and parts go one byte at a time, and lines come whole") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.one_byte();
      const std::span<const std::byte> pieces[] = {
          test::bytes_of("to be\n"), {}, test::bytes_of("or not\n")};
      c.near.write(pieces);
      CHECK(c.near.write_some(test::bytes_of("what")) == 1);
      c.near.close();
      std::vector<std::string> lines;
      for (const std::string& line : c.far.lines())
        lines.push_back(line);
      CHECK(lines == std::vector<std::string>{"to be", "or not", "w"});
    });
  }

  TEST_CASE("a writer waits while the buffer of its peer is full") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.buffer(16);
      CHECK(c.near.write_some(std::vector<std::byte>(100)) == 16);
      auto writer = spin([&] {
        c.near.write(std::vector<std::byte>(100));
        c.near.close();
      });
      testing::settle();
      CHECK_FALSE(writer.done());
      CHECK(count_to_end(c.far) == 116);
      CHECK(writer.done());
    });
  }

  TEST_CASE("what is on its way takes room, too") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.buffer(16);
      net.delay(50ms);
      CHECK(c.near.write_some(std::vector<std::byte>(100)) == 16);
      CHECK_FALSE(move_on_after(1s, [&] { c.near.write("more"); }));
    });
  }
}

TEST_SUITE("testing::network: cut lines") {
  TEST_CASE("what is sent into a cut line arrives when it is mended") {
    testing::run([] {
      testing::network net;
      const echo_server server;
      tcp::stream near = call_server();
      net.cut(7000);
      near.write("hello");
      CHECK_FALSE(move_on_after(1h, [&] { read_some(near); }));
      net.mend(7000);
      CHECK(read_text(near, 5) == "hello");
      CHECK(clock::now() == at(1h));
    });
  }

  TEST_CASE("a cut holds up what is on its way already") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(50ms);
      c.near.write("hello");
      net.cut();
      CHECK_FALSE(move_on_after(1s, [&] { read_some(c.far); }));
      net.mend();
      CHECK(read_some(c.far) == "hello");
      CHECK(clock::now() == at(1s));
    });
  }

  TEST_CASE("a connect hangs while the line is cut, and goes on when it is mended") {
    testing::run([] {
      testing::network net;
      const echo_server server;
      net.cut(7000);
      const auto call_in_time = [] {
        return tcp::connect("127.0.0.1", 7000, {.deadline = clock::now() + 1s});
      };
      CHECK_THROWS_AS(call_in_time(), timeout_error);
      auto caller = spin([] { return call_server().peer().port(); });
      testing::settle();
      CHECK_FALSE(caller.done());
      net.mend(7000);
      CHECK(caller.await() == 7000);
    });
  }

  TEST_CASE("other ports are not cut") {
    testing::run([] {
      testing::network net;
      const echo_server server;
      net.cut(7001);
      tcp::stream near = call_server();
      near.write("hello");
      CHECK(read_text(near, 5) == "hello");
    });
  }

  TEST_CASE("a line that is cut for ever is a deadlock, a slow one is not") {
    CHECK_THROWS_AS(testing::run([] {
                      testing::network net;
                      testing::connection c = net.pair();
                      net.cut();
                      c.near.write("hello");
                      read_some(c.far);
                    }),
                    deadlock_error);
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.delay(1h);
      c.near.write("hello");
      CHECK(read_some(c.far) == "hello");
    });
  }
}

}  // namespace
}  // namespace motet
