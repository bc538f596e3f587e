// SPDX-License-Identifier: MIT
#include "test/support/channels.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::drain;
using test::senders;
using test::trace;
using test::trouble;

TEST_SUITE("channel: cancellation") {
  TEST_CASE("C-02: a cancelled send leaves the value with the sender") {
    testing::run([] {
      channel<std::unique_ptr<int>> ch(1);
      ch.send(std::make_unique<int>(1));
      auto mine = std::make_unique<int>(2);
      CHECK_FALSE(move_on_after(10ms, [&] { ch.send(std::move(mine)); }));
      REQUIRE(mine != nullptr);
      CHECK(*mine == 2);
      CHECK(ch.size() == 1);
      CHECK(*ch.receive() == 1);
      CHECK_FALSE(ch.try_receive());
    });
  }

  TEST_CASE("C-02: a send in a cancelled scope does nothing, if there is room or not") {
    testing::run([] {
      channel<std::unique_ptr<int>> ch(1);
      auto mine = std::make_unique<int>(2);
      move_on_after(0s, [&] { ch.send(std::move(mine)); });
      CHECK(mine != nullptr);
      CHECK(ch.size() == 0);
    });
  }

  TEST_CASE("C-03: a cancelled sender leaves a rendezvous, the next one meets") {
    trace log;
    testing::run([&] {
      channel<int> ch;
      const auto s = spin([&] { ch.send(1); });
      testing::settle();
      s.stop();
      testing::settle();
      const auto r = spin([&] { log(ch.receive()); });
      testing::settle();
      ch.send(2);
      r.await();
    });
    CHECK(log == trace{"2"});
  }

  TEST_CASE("C-03: without a receiver a rendezvous waits, and nothing lies in it") {
    testing::run([] {
      channel<int> ch;
      CHECK_FALSE(ch.try_send(1));
      CHECK_FALSE(ch.try_receive());
      const auto s = spin([&] { ch.send(1); });
      testing::settle();
      CHECK_FALSE(s.done());
      CHECK(ch.size() == 0);
      CHECK(ch.try_receive() == 1);
      s.await();
      const auto r = spin([&] { return ch.receive(); });
      testing::settle();
      CHECK(ch.try_send(2));
      CHECK_FALSE(ch.try_send(3));
      CHECK(r.await() == 2);
    });
  }

  TEST_CASE("a receive that is cancelled takes nothing") {
    testing::run([] {
      channel<int> ch(1);
      const auto r = spin([&] { return ch.receive(); });
      testing::settle();
      r.stop();
      ch.send(1);
      testing::settle();
      CHECK(r.outcome().stopped());
      CHECK(ch.receive() == 1);
      ch.send(2);
      move_on_after(0s, [&] { (void)ch.receive(); });
      CHECK(ch.size() == 1);
    });
  }

  TEST_CASE("what was handed over before the cancel is received, and sent") {
    testing::run([] {
      channel<int> ch;
      trace log;
      const auto r = spin([&] {
        log(ch.receive());
        yield();
        log("not here");
      });
      testing::settle();
      CHECK(ch.try_send(1));
      r.stop();
      CHECK(r.wait().stopped());
      CHECK(log == trace{"1"});

      const auto s = spin([&] {
        ch.send(2);
        log("sent");
        yield();
        log("not here");
      });
      testing::settle();
      CHECK(ch.try_receive() == 2);
      s.stop();
      CHECK(s.wait().stopped());
      CHECK(log == trace{"1", "sent"});
    });
  }

  TEST_CASE("whoever waits behind one that is cancelled moves up") {
    testing::run([] {
      channel<int> ch(1);
      ch.send(0);
      const auto s = senders(ch, 4);
      s[0].stop();
      s[2].stop();
      testing::settle();
      CHECK(drain(ch) == "0 2 4 ");
      trace log;
      const auto receive = [&](const char* name) {
        return spin([&ch, &log, name] { log(name + std::to_string(ch.receive())); });
      };
      const auto a = receive("a");
      const auto b = receive("b");
      const auto c = receive("c");
      testing::settle();
      b.stop();
      ch.send(1);
      ch.send(2);
      testing::settle();
      CHECK(log == trace{"a1", "c2"});
    });
  }

  TEST_CASE("all courses: a value, its receiver's cancellation and the next receiver") {
    testing::explore({.every_course_of = 10'000}, [] {
      channel<int> ch(testing::choose(2));
      std::optional<int> first;
      const auto a = spin([&] { first = ch.receive(); });
      const auto b = spin([&] { ch.send(7); });
      const auto c = spin([&] { a.stop(); });
      c.await();
      (void)a.wait();
      const std::optional<int> second = first ? ch.try_receive() : ch.receive();
      b.await();
      CHECK(first.has_value() != second.has_value());
    });
  }

  TEST_CASE("all courses: a sender's cancellation and two receivers who try") {
    testing::explore({.every_course_of = 10'000}, [] {
      channel<std::unique_ptr<int>> ch;
      auto mine = std::make_unique<int>(7);
      const auto a = spin([&] { ch.send(std::move(mine)); });
      std::unique_ptr<int> got;
      const auto b = spin([&] {
        yield();
        if (auto found = ch.try_receive()) got = std::move(*found);
      });
      const auto c = spin([&] { a.stop(); });
      c.await();
      b.await();
      (void)a.wait();
      CHECK((mine != nullptr) != (got != nullptr));
    });
  }
}

TEST_SUITE("channel: close") {
  TEST_CASE("C-04: a receiver that waits gets a closed_error") {
    testing::run([] {
      channel<int> ch;
      const auto r = spin([&] { CHECK_THROWS_AS((void)ch.receive(), closed_error); });
      testing::settle();
      CHECK_FALSE(ch.closed());
      ch.close();
      ch.close();
      CHECK(ch.closed());
      r.await();
    });
  }

  TEST_CASE("C-04: what lies in a closed channel is received, then comes the error") {
    testing::run([] {
      channel<int> ch(2);
      ch.send(42);
      ch.send(43);
      ch.close();
      CHECK(ch.receive() == 42);
      CHECK(ch.receive() == 43);
      CHECK_THROWS_AS((void)ch.receive(), closed_error);
      CHECK_THROWS_AS(ch.send(44), closed_error);
      CHECK_FALSE(ch.try_send(45));
      CHECK_FALSE(ch.try_receive());
    });
  }

  TEST_CASE("C-04: senders that wait keep their values") {
    testing::run([] {
      channel<std::unique_ptr<int>> ch(1);
      ch.send(std::make_unique<int>(1));
      auto mine = std::make_unique<int>(2);
      const auto s =
          spin([&] { CHECK_THROWS_AS(ch.send(std::move(mine)), closed_error); });
      testing::settle();
      ch.close();
      s.await();
      CHECK(mine != nullptr);
      CHECK(*ch.receive() == 1);
      CHECK_THROWS_AS((void)ch.receive(), closed_error);
      CHECK_THROWS_AS(ch.send(std::move(mine)), closed_error);
      CHECK(mine != nullptr);
    });
  }

  TEST_CASE("C-04: in a cancelled scope the cancellation is seen first") {
    testing::run([] {
      channel<int> ch(1);
      ch.close();
      CHECK_FALSE(move_on_after(0s, [&] { (void)ch.receive(); }));
      CHECK_FALSE(move_on_after(0s, [&] { ch.send(1); }));
    });
  }

  TEST_CASE("a closed_error that is on its way wins over a stop") {
    testing::run([] {
      channel<int> ch;
      trace log;
      const auto r = spin([&] {
        try {
          (void)ch.receive();
        } catch (const closed_error&) {
          log("closed");
        }
        yield();
        log("not here");
      });
      testing::settle();
      ch.close();
      r.stop();
      CHECK(r.wait().stopped());
      CHECK(log == trace{"closed"});
    });
  }

  TEST_CASE("a loop over a channel ends when it is closed and empty") {
    trace log;
    testing::run([&] {
      channel<int> ch(1);
      const auto s = spin([&] {
        for (int i = 0; i < 4; ++i) {
          sleep(1ms);
          ch.send(i);
        }
        ch.close();
      });
      for (const int value : ch)
        log.at(value);
      for (const int value : ch)
        log(value);
    });
    CHECK(log == trace{"0@1", "1@2", "2@3", "3@4"});
  }

  TEST_CASE("a loop changes what copies, and takes what only moves") {
    testing::run([] {
      channel<std::string> words(2);
      words.send("mo");
      words.send("tet");
      words.close();
      std::string all;
      for (auto& word : words)
        all += word += "-";
      CHECK(all == "mo-tet-");
      channel<std::unique_ptr<int>> numbers(1);
      numbers.send(std::make_unique<int>(7));
      numbers.close();
      for (auto number : numbers)
        CHECK(*number == 7);
    });
  }

  TEST_CASE("who waits at a channel that is gone can still be stopped") {
    testing::run([] {
      auto ch = std::make_unique<channel<int>>();
      const auto r = spin([&] { (void)ch->receive(); });
      testing::settle();
      ch.reset();
      testing::settle();
      CHECK_FALSE(r.done());
      CHECK(dump().find("a channel that is gone") != std::string::npos);
      r.interrupt();
    });
  }

  TEST_CASE("children that wait at a channel of their parent do not add to its error") {
    const auto fail = [] {
      channel<int> ch;
      const auto r = spin([&] { (void)ch.receive(); });
      testing::settle();
      throw trouble();
    };
    CHECK_THROWS_AS(testing::run(fail), trouble);
  }
}

}  // namespace
}  // namespace motet
