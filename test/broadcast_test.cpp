// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("broadcast") {
  TEST_CASE("every subscriber gets every value, in order") {
    testing::run([] {
      broadcast<int> numbers;
      std::vector<fiber<std::vector<int>>> listeners;
      for (int i = 0; i < 3; ++i) {
        listeners.push_back(spin([&] {
          std::vector<int> heard;
          auto feed = numbers.subscribe();
          for (const int n : feed)
            heard.push_back(n);
          return heard;
        }));
      }
      testing::settle();
      for (int n = 1; n <= 4; ++n)
        numbers.send(n);
      numbers.close();
      for (const auto& l : listeners)
        CHECK(l.await() == std::vector{1, 2, 3, 4});
    });
  }

  TEST_CASE("who subscribes later hears what is sent later") {
    testing::run([] {
      broadcast<int> numbers;
      numbers.send(1);  // to nobody
      auto first = numbers.subscribe();
      numbers.send(2);
      auto second = numbers.subscribe();
      numbers.send(3);
      CHECK(first.receive() == 2);
      CHECK(first.receive() == 3);
      CHECK_FALSE(first.try_receive());
      CHECK(second.try_receive() == 3);
    });
  }

  TEST_CASE("senders wait for the slowest, and no longer once it has gone") {
    trace log;
    testing::run([&] {
      broadcast<int> numbers(2);
      auto quick = numbers.subscribe();
      std::optional slow = numbers.subscribe();
      const auto sender = spin([&] {
        for (int n = 1; n <= 4; ++n) {
          numbers.send(n);
          log(n);
        }
      });
      testing::settle();
      CHECK(quick.receive() == 1);
      CHECK(quick.receive() == 2);
      testing::settle();
      CHECK(log == trace{"1", "2"});
      CHECK_FALSE(numbers.try_send(9));
      CHECK(slow->receive() == 1);
      testing::settle();
      CHECK(log == trace{"1", "2", "3"});
      slow.reset();
      testing::settle();
      CHECK(log == trace{"1", "2", "3", "4"});
      CHECK(quick.receive() == 3);
      CHECK(quick.receive() == 4);
      sender.await();
    });
  }

  TEST_CASE("a send that is cancelled has reached nobody, and its value is untouched") {
    testing::run([] {
      broadcast<std::shared_ptr<int>> values(1);
      auto feed = values.subscribe();
      values.send(std::make_shared<int>(1));
      auto mine = std::make_shared<int>(2);
      CHECK_FALSE(move_on_after(10ms, [&] { values.send(std::move(mine)); }));
      REQUIRE(mine);
      CHECK(*feed.receive() == 1);
      CHECK_FALSE(feed.try_receive());
      CHECK(values.try_send(std::move(mine)));
      CHECK(*feed.receive() == 2);
    });
  }

  TEST_CASE("a receive that is cancelled has taken nothing") {
    testing::run([] {
      broadcast<int> numbers;
      auto feed = numbers.subscribe();
      CHECK_FALSE(move_on_after(10ms, [&] { (void)feed.receive(); }));
      numbers.send(1);
      CHECK(feed.receive() == 1);
    });
  }

  TEST_CASE("C-20: sent, then stopped before it runs: the value is received") {
    trace log;
    testing::run([&] {
      broadcast<int> numbers;
      auto feed = numbers.subscribe();
      const auto f = spin([&] {
        log(feed.receive());
        log(this_fiber::cancel_pending());
        (void)feed.receive();
      });
      testing::settle();
      numbers.send(7);
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"7", "true"});
    });
  }

  TEST_CASE("closed: what was sent is received, then that is an error, for senders too") {
    testing::run([] {
      broadcast<int> numbers(1);
      auto feed = numbers.subscribe();
      numbers.send(1);
      const auto sender =
          spin([&] { CHECK_THROWS_AS(numbers.send(2), const closed_error&); });
      testing::settle();
      numbers.close();
      numbers.close();
      sender.await();
      CHECK(numbers.closed());
      CHECK_FALSE(numbers.try_send(3));
      CHECK(feed.receive() == 1);
      CHECK_THROWS_AS((void)feed.receive(), const closed_error&);
      CHECK_THROWS_AS((void)feed.receive(), const closed_error&);
      CHECK_FALSE(feed.try_receive());
      auto late = numbers.subscribe();
      CHECK_THROWS_AS((void)late.receive(), const closed_error&);
    });
  }

  TEST_CASE("a receiver that waits as it is closed is told") {
    testing::run([] {
      broadcast<int> numbers;
      auto feed = numbers.subscribe();
      const auto f = spin([&] { CHECK_THROWS_AS((void)feed.receive(), closed_error); });
      testing::settle();
      numbers.close();
      f.await();
    });
  }

  TEST_CASE("a value that cannot be copied stays to be received") {
    struct fragile {
      int* copies_left;
      explicit fragile(int& left) : copies_left(&left) {}
      fragile(const fragile& other) : copies_left(other.copies_left) {
        if ((*copies_left)-- == 0) throw trouble("no copy");
      }
      fragile(fragile&&) = default;
    };
    testing::run([] {
      int copies_left = 0;
      broadcast<fragile> values(1);
      auto feed = values.subscribe();
      values.send(fragile(copies_left));
      CHECK_THROWS_AS((void)feed.receive(), const trouble&);
      copies_left = 1;
      CHECK_NOTHROW((void)feed.receive());
      CHECK(values.try_send(fragile(copies_left)));
    });
  }

  TEST_CASE("values are destroyed when all have had them, or nobody is left") {
    testing::run([] {
      broadcast<tracked> values;
      auto first = values.subscribe();
      {
        auto second = values.subscribe();
        values.send(tracked());
        values.send(tracked());
        CHECK(tracked::alive() == 2);
        (void)first.receive();
        CHECK(tracked::alive() == 2);
        (void)second.receive();
        CHECK(tracked::alive() == 1);
      }
      CHECK(tracked::alive() == 1);
      (void)first.receive();
      CHECK(tracked::alive() == 0);
    });
    CHECK(tracked::alive() == 0);
  }
}

}  // namespace
}  // namespace motet
