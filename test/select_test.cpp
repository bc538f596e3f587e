// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::trouble;

constexpr auto ignore = [](auto&&) {};

TEST_SUITE("select") {
  TEST_CASE("select takes what is there, and calls the handler of that case") {
    testing::run([] {
      channel<int> a(1);
      channel<std::string> b(1);
      trace log;
      const auto once = [&] {
        return select(receive_from(a, [&](int v) { log(v); }),
                      receive_from(b, [&](const std::string& v) { log(v); }));
      };
      b.send("text");
      CHECK(once() == 1);
      a.send(7);
      CHECK(once() == 0);
      CHECK(log == trace{"text", "7"});
    });
  }

  TEST_CASE("if several cases are ready the first is taken, as they are written") {
    testing::run([] {
      channel<int> a(1);
      channel<int> b(1);
      a.send(1);
      b.send(2);
      CHECK(select(after(0s), receive_from(a, ignore)) == 0);
      CHECK(select(receive_from(b, ignore), receive_from(a, ignore)) == 0);
      CHECK(a.size() == 1);
      CHECK(b.size() == 0);
      CHECK(select(receive_from(b, ignore), send_to(b, 3), receive_from(a, ignore)) == 1);
      CHECK(a.size() == 1);
      CHECK(b.receive() == 3);
    });
  }

  TEST_CASE("select waits until one of the channels is ready, and leaves the others") {
    trace log;
    testing::run([&] {
      channel<int> a;
      channel<int> b(1);
      b.send(0);
      const auto f = spin([&] {
        for (int i = 0; i < 2; ++i) {
          const auto which = select(receive_from(a, [&](int v) { log.at(v); }),
                                    send_to(b, 9, [&] { log.at("sent"); }));
          log(which);
        }
      });
      sleep(10ms);
      CHECK(a.try_send(1));
      CHECK_FALSE(a.try_send(2));
      testing::settle();
      CHECK(b.size() == 1);
      sleep(10ms);
      CHECK(b.receive() == 0);
      f.await();
      CHECK(b.receive() == 9);
      CHECK_FALSE(a.try_send(3));
      CHECK_FALSE(b.try_receive());
    });
    CHECK(log == trace{"1@10", "0", "sent@20", "1"});
  }

  TEST_CASE("after ends the wait, and the channels are as they were") {
    trace log;
    testing::run([&] {
      channel<int> a;
      channel<std::unique_ptr<int>> b;
      auto mine = std::make_unique<int>(1);
      CHECK(select(receive_from(a, ignore), send_to(b, std::move(mine)), after(1h),
                   after(20ms, [&] { log.at("late"); }), after(30ms)) == 3);
      CHECK(mine != nullptr);
      CHECK_FALSE(a.try_send(1));
      CHECK_FALSE(b.try_receive());
      CHECK(testing::armed_timers() == 0);
      CHECK(select(receive_from(a, ignore), after(-1s), after(-2s)) == 1);
      CHECK(select(after(5ms)) == 0);
      log.at("end");
    });
    CHECK(log == trace{"late@20", "end@25"});
  }

  TEST_CASE("select sends an rvalue of the caller's only if that case is chosen") {
    testing::run([] {
      channel<std::unique_ptr<int>> a;
      channel<std::unique_ptr<int>> b(1);
      auto first = std::make_unique<int>(1);
      auto second = std::make_unique<int>(2);
      CHECK(select(send_to(a, std::move(first)), send_to(b, std::move(second))) == 1);
      CHECK(first != nullptr);
      CHECK(second == nullptr);
      CHECK(*b.receive() == 2);
      channel<std::string> words(3);
      const std::string kept = "kept";
      std::string copied = "copied";
      select(send_to(words, kept));
      select(send_to(words, copied));
      select(send_to(words, "literal"));
      CHECK(copied == "copied");
      CHECK(words.receive() == "kept");
      CHECK(words.receive() == "copied");
      CHECK(words.receive() == "literal");
    });
  }

  TEST_CASE("a handler runs with nothing held: it may use the channel, park and throw") {
    testing::run([] {
      channel<int> a(1);
      channel<int> b;
      a.send(1);
      const auto f = spin([&] { return b.receive(); });
      select(receive_from(a, [&](int v) {
        a.send(v + 1);
        sleep(1ms);
        b.send(v);
      }));
      CHECK(f.await() == 1);
      CHECK_THROWS_AS(select(receive_from(a, [](int) { throw trouble(); })), trouble);
      CHECK(a.size() == 0);
    });
  }

  TEST_CASE("a closed channel is ready: its case throws") {
    testing::run([] {
      channel<int> a(1);
      channel<int> b;
      a.send(1);
      a.close();
      CHECK(select(receive_from(a, ignore)) == 0);
      CHECK_THROWS_AS(select(receive_from(b, ignore), receive_from(a, ignore)),
                      closed_error);
      CHECK_THROWS_AS(select(send_to(a, 1), after(0s)), closed_error);
      const auto f = spin([&] {
        CHECK_THROWS_AS(select(receive_from(b, ignore), after(1h)), closed_error);
      });
      channel<int> c;
      const auto g =
          spin([&] { CHECK_THROWS_AS(select(after(1h), send_to(c, 1)), closed_error); });
      testing::settle();
      b.close();
      c.close();
      f.await();
      g.await();
    });
  }

  TEST_CASE("select does not meet itself") {
    testing::run([] {
      channel<int> a;
      trace log;
      const auto f = spin([&] {
        for (int i = 0; i < 2; ++i) {
          select(send_to(a, 1, [&] { log("sent"); }),
                 receive_from(a, [&](int v) { log(v); }));
        }
      });
      testing::settle();
      CHECK(log == trace{});
      CHECK(a.try_receive() == 1);
      testing::settle();
      CHECK(a.try_send(2));
      f.await();
      CHECK(log == trace{"sent", "2"});
    });
  }

  TEST_CASE("two selects meet") {
    testing::run([] {
      channel<int> a;
      channel<int> b;
      trace log;
      const auto f = spin([&] {
        for (int i = 0; i < 3; ++i)
          select(receive_from(a, [&](int v) { log(v); }), send_to(b, 10));
      });
      for (int i = 0; i < 3; ++i)
        select(send_to(a, 1), receive_from(b, [&](int v) { log(v); }));
      f.await();
      CHECK(log == trace{"1", "1", "1"});
    });
  }

  TEST_CASE("the same channel in several cases is waited for once") {
    testing::run([] {
      channel<int> a;
      const auto f =
          spin([&] { return select(receive_from(a, ignore), receive_from(a, ignore)); });
      testing::settle();
      CHECK(a.try_send(1));
      CHECK_FALSE(a.try_send(2));
      CHECK(f.await() == 0);
    });
  }

  TEST_CASE("select keeps its place in line") {
    trace log;
    testing::run([&] {
      channel<int> a;
      channel<int> b;
      const auto first = spin([&] { log("first " + std::to_string(a.receive())); });
      const auto second = spin([&] {
        select(receive_from(b, ignore),
               receive_from(a, [&](int v) { log("second " + std::to_string(v)); }));
      });
      const auto third = spin([&] { log("third " + std::to_string(a.receive())); });
      testing::settle();
      for (int i = 1; i <= 3; ++i) {
        a.send(i);
        testing::settle();
      }
    });
    CHECK(log == trace{"first 1", "second 2", "third 3"});
  }

  TEST_CASE("a select that was served elsewhere is passed over") {
    testing::run([] {
      channel<int> a;
      channel<int> b;
      const auto f =
          spin([&] { return select(receive_from(a, ignore), receive_from(b, ignore)); });
      const auto g = spin([&] { return b.receive(); });
      testing::settle();
      CHECK(a.try_send(1));
      CHECK(b.try_send(2));  // before f has left the line
      CHECK(f.await() == 0);
      CHECK(g.await() == 2);
    });
  }

  TEST_CASE("a move that fails lets a select wait on") {
    struct brittle {
      explicit brittle(bool* fails) : breaks(fails) {}
      brittle(brittle&& from) : breaks(from.breaks) {
        if (*breaks) throw trouble();
      }
      bool* breaks;
    };
    testing::run([] {
      bool breaks = false;
      channel<brittle> a;
      channel<int> b;
      const auto f =
          spin([&] { return select(receive_from(b, ignore), receive_from(a, ignore)); });
      testing::settle();
      breaks = true;
      CHECK_THROWS_AS(a.send(brittle(&breaks)), trouble);
      breaks = false;
      testing::settle();
      CHECK_FALSE(f.done());
      CHECK(a.try_send(brittle(&breaks)));
      CHECK(f.await() == 1);
    });
  }

  TEST_CASE("an unbounded channel grows in a select") {
    testing::run([] {
      channel<std::size_t> a(unbounded);
      channel<int> b;
      for (std::size_t i = 0; i < 1'000; ++i)
        CHECK(select(receive_from(b, ignore), send_to(a, i)) == 1);
      for (std::size_t i = 0; i < 1'000; ++i)
        CHECK(a.receive() == i);
    });
  }

  TEST_CASE("outside of a fiber select is refused") {
    channel<int> a(1);
    CHECK_THROWS_AS(select(send_to(a, 1)), structure_error);
    CHECK(a.size() == 0);
  }
}

TEST_SUITE("select: cancellation") {
  TEST_CASE("a select that is cancelled has done nothing") {
    testing::run([] {
      channel<int> a(1);
      channel<std::unique_ptr<int>> b;
      auto mine = std::make_unique<int>(1);
      const auto both = [&] {
        select(receive_from(a, ignore), send_to(b, std::move(mine)), after(1h));
      };
      CHECK_FALSE(move_on_after(10ms, both));
      CHECK(testing::armed_timers() == 0);
      CHECK(mine != nullptr);
      a.send(1);
      CHECK_FALSE(move_on_after(0s, both));
      CHECK(a.size() == 1);
      CHECK_FALSE(b.try_receive());
      CHECK(a.receive() == 1);
      CHECK(a.try_send(2));
      CHECK(a.try_receive() == 2);
    });
  }

  TEST_CASE("what was chosen before the cancel has happened") {
    trace log;
    testing::run([&] {
      channel<int> a;
      channel<int> b;
      const auto f = spin([&] {
        select(receive_from(a, [&](int v) { log(v); }), send_to(b, 2), after(1h));
        log("chosen");
        yield();
        log("not here");
      });
      testing::settle();
      CHECK(a.try_send(1));
      f.stop();
      CHECK_FALSE(b.try_receive());
      CHECK(f.wait().stopped());
    });
    CHECK(log == trace{"1", "chosen"});
  }

  TEST_CASE("a stop that comes first leaves the value with the sender") {
    testing::run([] {
      channel<int> a;
      channel<int> b;
      const auto f = spin([&] { select(receive_from(a, ignore), send_to(b, 2)); });
      testing::settle();
      f.stop();
      CHECK_FALSE(a.try_send(1));
      CHECK_FALSE(b.try_receive());
      CHECK(f.wait().stopped());
    });
  }

  TEST_CASE("time that is up before a value comes, in one turn, is up") {
    testing::run([] {
      channel<int> a;
      const auto f = spin([&] { return select(receive_from(a, ignore), after(10ms)); });
      testing::settle();
      testing::busy(20ms);
      CHECK(a.try_send(1));
      CHECK(f.await() == 0);
      const auto g = spin([&] { return select(receive_from(a, ignore), after(10ms)); });
      sleep(10ms);
      CHECK_FALSE(a.try_send(1));
      CHECK(g.await() == 1);
    });
  }

  TEST_CASE("all courses: two selects, a value each way, and a stop") {
    testing::explore({.every_course_of = 100'000}, [] {
      channel<int> a;
      channel<int> b(1);
      int given = 0;
      int got = 0;
      const auto f = spin([&] {
        select(receive_from(a, [&](int) { ++got; }), send_to(b, 1, [&] { ++given; }));
      });
      const auto g = spin([&] { select(send_to(a, 1, [&] { ++given; }), after(1ms)); });
      const auto h = spin([&] { f.stop(); });
      (void)f.wait();
      g.await();
      h.await();
      while (b.try_receive())
        ++got;
      CHECK(given == got);
    });
  }

  TEST_CASE("channels that go while a select waits are out of it") {
    testing::run([] {
      channel<int> b;
      std::optional<channel<int>> a(std::in_place);
      const auto f =
          spin([&] { return select(receive_from(*a, ignore), receive_from(b, ignore)); });
      testing::settle();
      a.reset();
      b.send(1);
      CHECK(f.await() == 1);
    });
  }
}

}  // namespace
}  // namespace motet
