// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::tracked;

TEST_SUITE("mailbox: capped") {
  TEST_CASE("send parks while a capped mailbox is full") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 2}, [&] {
        for (int i = 0; i < 4; ++i) {
          sleep(10ms);
          log.at(receive<int>());
        }
      });
      for (int i = 1; i <= 4; ++i)
        f.send(i);
      log.at("sent");
      f.await();
    });
    CHECK(log == trace{"1@10", "2@20", "sent@20", "3@30", "4@40"});
  }

  TEST_CASE("C-17: a stopped sender leaves the queue of a full mailbox") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 1}, [&] {
        sleep(10ms);
        for (int i = 0; i < 2; ++i)
          log(receive<std::string>());
      });
      f << "a";
      const auto s = spin([&] { f.send("b"); });
      const auto t = spin([&] { f.send("c"); });
      testing::settle();
      CHECK(s.stop());
      testing::settle();
      CHECK(s.outcome().stopped());
      f.await();
      t.await();
    });
    CHECK(log == trace{"a", "c"});
  }

  TEST_CASE("a sender that is woken and then stopped has sent, or wakes the next") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 1}, [&] {
        sleep(10ms);
        for (int i = 0; i < 2; ++i) {
          log(receive<int>());
          testing::settle();
        }
        sleep(10ms);
        log(receive_all_pending<int>().size());
      });
      f << 1;
      const auto s = spin([&] { f.send(2); });
      const auto t = spin([&] { f.send(3); });
      const auto stopper = spin([&] {
        sleep(10ms);
        CHECK(s.state() == fiber_phase::runnable);
        CHECK(s.stop());
      });
      f.await();
      CHECK(t.done());
      CHECK_FALSE(t.outcome().stopped());
      // It was let in before it was stopped, so its message is the second.
      CHECK_FALSE(s.outcome().stopped());
    });
    CHECK(log == trace{"1", "2", "1"});
  }

  TEST_CASE("a sender that is woken in vain and stopped does not wait again") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 1}, [] {
        sleep(10ms);
        (void)receive<int>();
        sleep(1h);
      });
      f << 1;
      const auto s = spin([&] { f.send(2); });
      const auto stopper = spin([&] {
        sleep(10ms);
        CHECK(s.state() == fiber_phase::runnable);
        f << 3;
        CHECK(s.stop());
      });
      CHECK(s.outcome().stopped());
      log.at("stopped");
      CHECK(f.stop());
    });
    CHECK(log == trace{"stopped@10"});
  }

  TEST_CASE("<< ignores the cap") {
    testing::run([] {
      const auto f = spin({.mailbox = 1}, [] {
        sleep(10ms);
        return receive_all_pending<int>().size();
      });
      f << 1 << 2 << 3;
      CHECK(f.await() == 3);
    });
  }

  TEST_CASE("send to a fiber that has ended throws closed_error") {
    testing::run([] {
      const auto f = spin([] {});
      f.await();
      CHECK_THROWS_AS(f.send(1), const closed_error&);
      CHECK_THROWS_AS(fiber_ref().send(1), const closed_error&);
    });
  }

  TEST_CASE("a send that waits is told when the fiber ends") {
    trace log;
    testing::run([&] {
      const auto f = spin({.mailbox = 1}, [] { sleep(10ms); });
      f << 1;
      try {
        f.send(tracked());
        log("never");
      } catch (const closed_error&) {
        log.at("closed");
      }
      CHECK(tracked::alive() == 0);
    });
    CHECK(log == trace{"closed@10"});
  }

  TEST_CASE("a send that waits belongs to the next run if the fiber is restarted") {
    trace log;
    testing::run([&] {
      const auto f = spin(
          {.mailbox = 1},
          [&](bool& first) {
            if (std::exchange(first, false)) suspend();
            log(receive<int>());
          },
          true);
      testing::settle();
      f << 1;
      const auto s = spin([&] { f.send(2); });
      testing::settle();
      CHECK(f.restart());
      f.await();
      s.await();
    });
    CHECK(log == trace{"2"});
  }

  TEST_CASE("send is a point, also where there is room") {
    testing::run([] {
      const auto f = spin([] {
        sleep(10ms);
        return receive_all_pending<int>().size();
      });
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        f << 1;
        f.send(2);
        FAIL("an entry check comes first");
      });
      CHECK(f.await() == 1);
    });
  }

  TEST_CASE("a cancelled send leaves what it was given with the sender") {
    testing::run([] {
      const auto f = spin({.mailbox = 1}, [] { suspend(); });
      f << 1;
      auto mine = std::make_unique<int>(5);
      CHECK_FALSE(move_on_after(10ms, [&] { f.send(std::move(mine)); }));
      REQUIRE(mine != nullptr);
      CHECK(*mine == 5);
    });
  }
}

}  // namespace
}  // namespace motet
