// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>
#include <motet/udp.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

namespace motet {
namespace {

using test::bytes_of;
using test::complaint_of;
using test::run_on_backend;
using test::text_of;

udp::socket bind_here() {
  return udp::bind("127.0.0.1", 0);
}

struct received {
  std::string text;
  endpoint from;
  bool truncated;
};

received receive_one(udp::socket& at, std::size_t most = 64) {
  std::vector<std::byte> room(most);
  const datagram came = at.receive_from(room);
  return {text_of(came.data), came.from, came.truncated};
}

TEST_SUITE("udp") {
  TEST_CASE("a datagram arrives whole, and says from whom") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      CHECK(one.local().port() != 0);
      one.send_to("hello", other.local());
      one.send_to("", other.local());
      one.send_to("there", other.local());
      received came = receive_one(other);
      CHECK(came.text == "hello");
      CHECK(came.from == one.local());
      CHECK_FALSE(came.truncated);
      CHECK(receive_one(other).text.empty());
      CHECK(receive_one(other).text == "there");
    });
  }

  TEST_CASE("what does not fit is lost, and said to be") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      one.send_to("a long message", other.local());
      one.send_to("next", other.local());
      const received came = receive_one(other, 6);
      CHECK(came.text == "a long");
      CHECK(came.truncated);
      CHECK(receive_one(other, 6).text == "next");
    });
  }

  TEST_CASE("I-14: a cancelled receive takes no datagram") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      for (int i = 0; i < 10; ++i) {
        auto receiver = spin([&] { receive_one(other); });
        yield();
        receiver.stop();
        CHECK(receiver.outcome().stopped());
        one.send_to("first", other.local());
        one.send_to("second", other.local());
        CHECK(receive_one(other).text == "first");
        CHECK(receive_one(other).text == "second");
      }
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("a connected socket hears its peer only") {
    run_on_backend([] {
      udp::socket server = bind_here();
      udp::socket client = udp::connect("127.0.0.1", server.local().port());
      udp::socket stranger = bind_here();
      CHECK(client.peer() == server.local());
      stranger.send_to("psst", client.local());
      client.send("question");
      const received came = receive_one(server);
      CHECK(came.text == "question");
      CHECK(came.from == client.local());
      server.send_to("answer", came.from);
      std::array<std::byte, 16> room{};
      CHECK(text_of(client.receive(room)) == "answer");
    });
  }

  TEST_CASE("a connected socket is told that nobody was there") {
    run_on_backend([] {
      udp::socket gone = bind_here();
      const std::uint16_t port = gone.local().port();
      udp::socket client = udp::connect("127.0.0.1", port);
      gone.close();
      client.send("anybody?");
      std::array<std::byte, 16> room{};
      CHECK(complaint_of([&] { client.receive(room); }) ==
            "receive from 127.0.0.1:" + std::to_string(port) + ": Connection refused");
      client.send("again?");
      std::error_code ec;
      CHECK(client.receive(room, ec).empty());
      CHECK(ec == std::errc::connection_refused);
    });
  }

  TEST_CASE("a batch is what there is, up to its size") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      datagram_batch batch(20, 16);
      std::vector<std::string> texts;
      std::vector<outgoing_datagram> out;
      for (int i = 0; i < 25; ++i)
        texts.push_back(std::to_string(i));
      for (const std::string& text : texts)
        out.push_back({bytes_of(text), other.local()});
      std::size_t done = 0;
      one.send_batch(out, done);
      CHECK(done == 25);
      std::vector<std::string> came;
      while (came.size() < 25) {
        const auto some = other.receive_batch(batch);
        CHECK(some.size() == std::min<std::size_t>(20, 25 - came.size()));
        for (const datagram& d : some) {
          came.push_back(text_of(d.data));
          CHECK(d.from == one.local());
        }
      }
      CHECK(came == texts);
    });
  }

  TEST_CASE("a batch waits for the first, and a cancelled one takes nothing") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      datagram_batch batch(4, 16);
      CHECK_FALSE(move_on_after(1ms, [&] { (void)other.receive_batch(batch); }));
      auto receiver = spin([&] { return other.receive_batch(batch).size(); });
      yield();
      one.send_to("first", other.local());
      CHECK(receiver.await() >= 1);
    });
  }

  TEST_CASE("a batch that fails half-way says how much went") {
    run_on_backend([] {
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      const std::vector<std::byte> too_long(70'000);
      const std::array out{outgoing_datagram{bytes_of("goes"), other.local()},
                           outgoing_datagram{too_long, other.local()}};
      std::size_t done = 7;
      CHECK(complaint_of([&] { one.send_batch(out, done); }) ==
            "send to " + to_string(other.local()) + ": Message too long");
      CHECK(done == 1);
      CHECK(receive_one(other).text == "goes");
    });
  }

  TEST_CASE("closing wakes whoever waits, and the port is free") {
    run_on_backend([] {
      udp::socket at = bind_here();
      const std::uint16_t port = at.local().port();
      CHECK(complaint_of([&] { (void)udp::bind("127.0.0.1", port); }) ==
            "bind to 127.0.0.1:" + std::to_string(port) + ": Address already in use");
      auto receiver = spin([&] { CHECK_THROWS_AS(receive_one(at), closed_error); });
      yield();
      at.close();
      receiver.await();
      CHECK(udp::bind("127.0.0.1", port).local().port() == port);
    });
  }

  TEST_CASE("all addresses are heard, and IPv4 looks like IPv4") {
    run_on_backend([] {
      udp::socket all = udp::bind("*", 0);
      udp::socket client = udp::connect("127.0.0.1", all.local().port());
      client.send("four");
      const received came = receive_one(all);
      CHECK(came.text == "four");
      CHECK(came.from == client.local());
      all.send_to("back", came.from);
      std::array<std::byte, 16> room{};
      CHECK(text_of(client.receive(room)) == "back");
    });
  }

  TEST_CASE("options can be set") {
    run_on_backend([] {
      udp::socket at = bind_here();
      at.set(receive_buffer{1 << 16});
      at.set(send_buffer{1 << 16});
      at.set(time_to_live{3});
      at.set(allow_broadcast{});
    });
  }
}

TEST_SUITE("udp: in simulation") {
  TEST_CASE("datagrams are late, lost, and cut off") {
    testing::run([] {
      testing::network net;
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      net.delay(50ms);
      one.send_to("late", other.local());
      CHECK(receive_one(other).text == "late");
      CHECK(clock::now() == time_point(50ms));
      net.lose(1);
      one.send_to("lost", other.local());
      one.send_to("not lost", other.local());
      CHECK(receive_one(other).text == "not lost");
      net.cut(other.local().port());
      one.send_to("cut off", other.local());
      net.mend();
      one.send_to("mended", other.local());
      CHECK(receive_one(other).text == "mended");
      CHECK(net.counts().losses == 2);
    });
  }

  TEST_CASE("by chance some are lost") {
    testing::run({.seed = 1}, [] {
      testing::network net;
      net.chance({.losses = 0.5});
      udp::socket one = bind_here();
      udp::socket other = bind_here();
      for (int i = 0; i < 100; ++i)
        one.send_to("x", other.local());
      datagram_batch batch(100, 1);
      const std::size_t came = other.receive_batch(batch).size();
      CHECK(came > 20);
      CHECK(came < 80);
      CHECK(net.counts().losses == 100 - came);
    });
  }
}

}  // namespace
}  // namespace motet
