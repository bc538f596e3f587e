// SPDX-License-Identifier: MIT
#include "test/support/channels.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::drain;
using test::senders;
using test::trace;
using test::tracked;
using test::trouble;

/// Its moves fail on demand; what failed to move is whole.
class brittle {
 public:
  explicit brittle(int number) : number_(number) {}
  brittle(brittle&& from) : number_(from.number_) {
    if (breaks) throw trouble();
    from.number_ = -1;
  }
  brittle& operator=(brittle&&) = delete;
  ~brittle() = default;

  [[nodiscard]] int number() const noexcept { return number_; }

  static inline bool breaks = false;

 private:
  int number_;
};

TEST_SUITE("channel: values") {
  TEST_CASE("senders wait while it is full, and come in turn") {
    trace log;
    testing::run([&] {
      channel<int> ch(2);
      const auto s = spin([&] {
        for (int i = 0; i < 5; ++i) {
          ch.send(i);
          log.at("sent " + std::to_string(i));
        }
      });
      for (int i = 0; i < 5; ++i) {
        sleep(10ms);
        log(ch.receive());
        CHECK(ch.size() <= 2);
      }
    });
    CHECK(log == trace{"sent 0@0", "sent 1@0", "0", "sent 2@10", "1", "sent 3@20", "2",
                       "sent 4@30", "3", "4"});
  }

  TEST_CASE("senders and receivers are served in the order in which they came") {
    testing::run([] {
      for (const std::size_t capacity : {0U, 1U, 3U}) {
        channel<int> ch(capacity);
        senders(ch, 8);
        CHECK(drain(ch) == "1 2 3 4 5 6 7 8 ");
      }
    });
  }

  TEST_CASE("an unbounded channel takes everything, in order, through many blocks") {
    testing::run([] {
      channel<int> ch(unbounded);
      int sent = 0;
      int received = 0;
      for (int round = 1; round < 60; ++round) {
        for (int i = 0; i < round * 7; ++i)
          CHECK(ch.try_send(sent++));
        for (int i = 0; i < round * 6; ++i)
          REQUIRE(ch.receive() == received++);
      }
      CHECK(ch.size() == static_cast<std::size_t>(sent - received));
      while (const auto value = ch.try_receive())
        REQUIRE(*value == received++);
      CHECK(received == sent);
    });
  }

  TEST_CASE("a full channel of several blocks stays full, with senders behind it") {
    testing::run([] {
      struct large {
        int number;
        char more[500];
      };
      channel<large> ch(9);
      const auto s = spin([&] {
        for (int i = 0; i < 100; ++i)
          ch.send({i, {}});
        ch.close();
      });
      int next = 0;
      for (const large& value : ch) {
        testing::settle();
        CHECK(value.number == next++);
        CHECK(ch.size() == static_cast<std::size_t>(std::min(9, 100 - next)));
      }
      CHECK(next == 100);
    });
  }

  TEST_CASE("values with a strict alignment have it") {
    testing::run([] {
      struct alignas(128) wide {
        int number;
      };
      channel<wide> ch(3);
      const auto s = spin([&] {
        for (int i = 0; i < 10; ++i)
          ch.send(wide{i});
        ch.close();
      });
      int next = 0;
      for (wide& value : ch) {
        CHECK(reinterpret_cast<std::uintptr_t>(&value) % 128 == 0);
        CHECK(value.number == next++);
      }
    });
  }

  TEST_CASE("values that are left are destroyed with the channel") {
    testing::run([] {
      {
        channel<tracked> ch(unbounded);
        for (int i = 0; i < 1'000; ++i)
          ch.send(tracked());
        for (int i = 0; i < 300; ++i)
          (void)ch.receive();
        CHECK(tracked::alive() == 700);
      }
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("a copy is sent of what is not given away") {
    testing::run([] {
      channel<std::string> ch(2);
      const std::string mine = "a motet is for several voices";
      ch.send(mine);
      CHECK(ch.try_send(mine));
      CHECK(ch.receive() == mine);
      CHECK(ch.receive() == mine);
    });
  }

  TEST_CASE("a move that fails leaves all as it was: into and out of the channel") {
    testing::run([] {
      channel<brittle> ch(2);
      ch.send(brittle(1));
      brittle mine(2);
      brittle::breaks = true;
      CHECK_THROWS_AS(ch.send(std::move(mine)), trouble);
      CHECK_THROWS_AS((void)ch.try_receive(), trouble);
      brittle::breaks = false;
      CHECK(mine.number() == 2);
      CHECK(ch.size() == 1);
      CHECK(ch.receive().number() == 1);
    });
  }

  TEST_CASE("a move that fails between two fibers is the concern of who came second") {
    testing::run([] {
      channel<brittle> ch;
      const auto r = spin([&] { return ch.receive().number(); });
      testing::settle();
      brittle::breaks = true;
      CHECK_THROWS_AS(ch.send(brittle(1)), trouble);
      brittle::breaks = false;
      ch.send(brittle(2));
      CHECK(r.await() == 2);
      const auto s = spin([&] { ch.send(brittle(3)); });
      testing::settle();
      brittle::breaks = true;
      CHECK_THROWS_AS((void)ch.receive(), trouble);
      brittle::breaks = false;
      CHECK(ch.receive().number() == 3);
      s.await();
    });
  }

  TEST_CASE("a move into the room that became free fails for its sender") {
    testing::run([] {
      static int moves;
      struct third_time {
        third_time() = default;
        third_time(third_time&&) {
          if (++moves == 4) throw trouble();
        }
      };
      moves = 0;
      channel<third_time> ch(1);
      ch.send(third_time());  // the first move
      const auto s = spin([&] { CHECK_THROWS_AS(ch.send(third_time()), trouble); });
      const auto t = spin([&] { ch.send(third_time()); });
      testing::settle();
      moves = 2;
      (void)ch.try_receive();  // the third out, the fourth in, and the next one's in
      CHECK(ch.size() == 1);
      s.await();
      t.await();
    });
  }
}

TEST_SUITE("channel: where") {
  TEST_CASE("what cannot park is called anywhere, what can in fibers only") {
    channel<int> ch(1);
    CHECK(ch.try_send(1));
    CHECK_THROWS_AS(ch.send(2), structure_error);
    CHECK_THROWS_AS((void)ch.receive(), structure_error);
    CHECK(ch.try_receive() == 1);
    ch.close();
    CHECK(ch.capacity() == 1);
  }

  TEST_CASE("a fiber that sends and receives without waiting lets others run") {
    testing::run([] {
      channel<int> ch(1);
      bool ran = false;
      const auto other = spin([&] { ran = true; });
      for (int i = 0; i < 1'000 && !ran; ++i) {
        ch.send(i);
        (void)ch.receive();
      }
      CHECK(ran);
    });
  }

  TEST_CASE("a deadlock at channels says who waits for what") {
    try {
      testing::run([] {
        channel<int> ch;
        const auto r = spin({.name = "listener"}, [&] { (void)ch.receive(); });
        const auto c = spin([&] { select(receive_from(ch, [](int) {})); });
        channel<int> other;
        other.send(1);
      });
      FAIL("no deadlock");
    } catch (const deadlock_error& error) {
      const std::string text = error.what();
      CHECK(text.find("a value in a channel") != std::string::npos);
      CHECK(text.find("a receiver at a channel") != std::string::npos);
      CHECK(text.find("one of several channels") != std::string::npos);
      CHECK(text.find("channel_value_test.cpp") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace motet
