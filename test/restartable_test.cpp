// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;

struct query {
  fiber_ref from;
  std::string term;
};

TEST_SUITE("restart: fibers that have ended") {
  TEST_CASE("V-09: a restartable fiber runs again, and gets what is sent right after") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [&] {
        const auto text = receive<std::string>();
        log(text);
        return text;
      });
      f << "one";
      CHECK(f.await() == "one");
      CHECK(f.done());
      const auto id = f.id();
      CHECK(f.restart());
      f << "two";
      CHECK_FALSE(f.done());
      CHECK(f.await() == "two");
      CHECK(f.id() == id);
      CHECK(f.parent() == this_fiber::self());
    });
    CHECK(log == trace{"one", "two"});
  }

  TEST_CASE("V-09: monitors outlive a restart") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [] {});
      CHECK(f.monitor());
      CHECK(receive<ended>().who == f);
      CHECK(f.restart());
      CHECK(receive<ended>().who == f);
      log.at("both");
    });
    CHECK(log == trace{"both@0"});
  }

  TEST_CASE("V-09: an ended fiber that is not restartable stays so") {
    testing::run([] {
      const auto f = spin([] { return 1; });
      CHECK(f.await() == 1);
      CHECK_FALSE(f.restart());
      CHECK(f.await() == 1);
    });
  }

  TEST_CASE("V-09: a restartable fiber whose parent has ended stays so") {
    int runs = 0;
    testing::run([&] {
      fiber<> f;
      const auto p = spin([&] {
        f = spin({.restartable = true}, [&] { ++runs; });
        f.await();
      });
      p.await();
      CHECK(f.done());
      CHECK_FALSE(f.restart());
      testing::settle();
    });
    CHECK(runs == 1);
  }

  TEST_CASE("a restartable fiber that was stopped or failed runs again, too") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [&log, n = 0]() mutable {
        log(++n);
        if (n == 2) throw trouble();
        if (n == 1) suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      CHECK(f.restart());
      CHECK(f.outcome().failed());
      CHECK(f.restart());
      const auto e = f.outcome();
      CHECK_FALSE(e.failed());
      CHECK_FALSE(e.stopped());
      CHECK_FALSE(e.cancel_requested());
    });
    CHECK(log == trace{"1", "2", "3"});
  }

  TEST_CASE("a stop that outdid a restart does not keep the mailbox closed") {
    testing::run([] {
      const auto f = spin({.restartable = true}, [] { return receive<int>(); });
      yield();
      CHECK(f.restart());
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
      CHECK(f.restart());
      f << 7;
      CHECK(f.await() == 7);
    });
  }

  TEST_CASE("a restartable fiber keeps what it runs until nobody can ask for it") {
    testing::run([] {
      {
        const auto f = spin({.restartable = true}, [owned = tracked()] {});
        f.await();
        CHECK(tracked::alive() == 1);
        CHECK(f.restart());
        f.await();
        CHECK(tracked::alive() == 1);
      }
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("a restartable fiber's callable dies with its parent") {
    testing::run([] {
      fiber<> f;
      const auto p = spin([&] {
        f = spin({.restartable = true}, [owned = tracked()] {});
        f.await();
      });
      p.await();
      CHECK(tracked::alive() == 0);
      CHECK_FALSE(f.restart());
    });
  }

  TEST_CASE("a scope waits for a fiber that runs again") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto f = s.spin({.restartable = true}, [] { sleep(10ms); });
        f.await();
        CHECK(s.size() == 0);
        CHECK(f.restart());
        CHECK(s.size() == 1);
      });
      log.at("end");
    });
    CHECK(log == trace{"end@20"});
  }

  TEST_CASE("V-20: search as you type") {
    trace log;
    testing::run([&] {
      const auto searcher = spin({.restartable = true}, [] {
        auto [from, term] = receive<query>();
        sleep(100ms);
        from << term;
      });
      const auto on_key = [&](std::string term) {
        CHECK(searcher.restart());
        searcher << query{this_fiber::self(), std::move(term)};
      };
      on_key("k1");
      sleep(30ms);
      on_key("k2");
      sleep(30ms);
      on_key("k3");
      log.at(receive<std::string>());
      CHECK_FALSE(try_receive<std::string>());
      sleep(40ms);
      CHECK(searcher.done());
      on_key("k4");
      log.at(receive<std::string>());
    });
    CHECK(log == trace{"k3@160", "k4@300"});
  }
}

TEST_SUITE("restart: fibers whose end is settled") {
  TEST_CASE("R16: what a fiber owns is going already: a restart comes too late") {
    trace log;
    testing::run([&] {
      auto slow_to_go = std::shared_ptr<void>(nullptr, [&](void*) {
        sleep(10ms);
        log.at("gone");
      });
      const auto f = spin([&log, mine = std::move(slow_to_go)] { log("ran"); });
      testing::settle();
      CHECK_FALSE(f.done());
      CHECK_FALSE(f.restart());
      f.await();
    });
    CHECK(log == trace{"ran", "gone@10"});
  }
}

TEST_SUITE("monitors") {
  TEST_CASE("V-06: the notice comes when the fiber's resources are gone") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(20ms);
          log.at("d");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.monitor());
      CHECK(f.stop("enough"));
      const auto notice = receive<ended>();
      log.at("n");
      CHECK(notice.who == f);
      CHECK(notice.how.stopped());
      CHECK(notice.how.reason().message == "enough");
    });
    CHECK(log == trace{"d@20", "n@20"});
  }

  TEST_CASE("V-07: what is monitored no more sends nothing") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      CHECK(f.monitor());
      CHECK(f.unmonitor());
      CHECK_FALSE(f.unmonitor());
      CHECK(f.interrupt().stopped());
      CHECK_FALSE(try_receive<ended>());
      CHECK_FALSE(f.monitor());
    });
  }

  TEST_CASE("V-07: a notice that was sent stays in the mailbox") {
    testing::run([] {
      const auto f = spin([] {});
      CHECK(f.monitor());
      f.await();
      (void)f.unmonitor();
      CHECK(receive<ended>().who == f);
    });
  }

  TEST_CASE("R12: the error of a child with a monitor is the monitor's") {
    trace log;
    testing::run([&] {
      const auto f = spin([] { throw trouble(); });
      CHECK(f.monitor());
      const auto notice = receive<ended>();
      CHECK(notice.how.failed());
      checkpoint();
      log("undisturbed");
    });
    CHECK(log == trace{"undisturbed"});
  }

  TEST_CASE("a monitor that has ended observes nothing") {
    trace log;
    testing::run([&] {
      const auto f = spin([] {
        sleep(10ms);
        throw trouble();
      });
      spin([&] { CHECK(f.monitor()); }).await();
      try {
        sleep(20ms);
        log("never");
      } catch (const trouble&) {
        log.at("parent");
      }
    });
    CHECK(log == trace{"parent@10"});
  }
}

}  // namespace
}  // namespace motet
