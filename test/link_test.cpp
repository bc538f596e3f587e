// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <unistd.h>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

fiber<> fails_after(duration d) {
  return spin([d] {
    sleep(d);
    throw trouble("of the linked");
  });
}

TEST_SUITE("links") {
  TEST_CASE("V-18: a failing fiber cancels the one linked to it with its error") {
    trace log;
    testing::run([&] {
      const auto f = fails_after(10ms);
      const auto g = spin([&] {
        CHECK(link(f));
        const cleanup last([&] { log.at("unwound"); });
        try {
          suspend();
        } catch (const cancelled& c) {
          log(to_string(c.reason().kind));
          log(c.reason().message);
          CHECK(c.reason().source == f);
          throw;
        }
      });
      try {
        g.await();
      } catch (const trouble& e) {
        log(e.what());
        CHECK(source_of(e) == f);
      }
      CHECK(g.outcome().error() == f.outcome().error());
    });
    CHECK(log == trace{"cancel", "of the linked", "unwound@10", "of the linked"});
  }

  TEST_CASE("V-18: a linked fiber that ends or is stopped does nothing") {
    trace log;
    testing::run([&] {
      const auto ends = spin([] { sleep(10ms); });
      const auto stopped = spin([] { suspend(); });
      const auto moved_on = spin([] { suspend(); });
      const auto g = spin([&] {
        CHECK(link(ends));
        CHECK(link(stopped));
        CHECK(link(moved_on));
        sleep(50ms);
        log.at("on");
      });
      testing::settle();
      stopped.stop();
      moved_on.move_on();
      g.await();
    });
    CHECK(log == trace{"on@50"});
  }

  TEST_CASE("a link is latched: what swallows it once is cancelled again") {
    trace log;
    testing::run([&] {
      const auto f = fails_after(10ms);
      const auto g = spin([&] {
        link(f);
        try {
          suspend();
        } catch (...) {
          log("swallowed");
        }
        checkpoint();
        log("never");
      });
      CHECK(g.outcome().failed());
    });
    CHECK(log == trace{"swallowed"});
  }

  TEST_CASE("a link to what has failed cancels at once, to what has ended does nothing") {
    trace log;
    testing::run([&] {
      with_scope({.errors = error_policy::isolate}, [&](scope& s) {
        const auto f = s.spin([] { throw trouble(); });
        const auto ended = s.spin([] {});
        testing::settle();
        const auto g = s.spin([&] {
          CHECK_FALSE(link(ended));
          CHECK_FALSE(link(fiber_ref()));
          CHECK(link(f));
          CHECK_FALSE(link(f));
          log("linked");
          checkpoint();
          log("never");
        });
        CHECK_THROWS_AS(g.await(), trouble);
      });
    });
    CHECK(log == trace{"linked"});
  }

  TEST_CASE("whoever is linked to a child answers for its error") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        const auto c = fails_after(10ms);
        CHECK(link(c));
        CHECK_FALSE(link(c));
        try {
          suspend();
        } catch (const trouble&) {
          log("never");
        } catch (const cancelled&) {
          log.at("cancelled");
          throw;
        }
      });
      const auto how = p.outcome();
      CHECK(how.failed());
      CHECK(how.cause().errors().empty());
    });
    CHECK(log == trace{"cancelled@10"});
  }

  TEST_CASE("a link takes back a child's error that is on its way") {
    testing::run([] {
      const auto p = spin([] {
        const auto c = spin([] { throw trouble(); });
        testing::settle();
        CHECK(link(c));
        try {
          checkpoint();
        } catch (const trouble&) {
          FAIL("raised as well");
        }
      });
      CHECK(p.outcome().failed());
    });
  }

  TEST_CASE("who has ended is not asked: the error is the parent's again") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        const auto c = fails_after(10ms);
        spin([&] { link(c); }).await();
        try {
          suspend();
        } catch (const trouble&) {
          log.at("raised");
        }
      });
      p.await();
    });
    CHECK(log == trace{"raised@10"});
  }

  TEST_CASE("fibers linked to each other fail together, and leave nothing") {
    testing::run([] {
      with_scope({.errors = error_policy::isolate}, [](scope& s) {
        std::vector<fiber<>> all(3);
        for (auto& f : all) {
          f = s.spin([&] {
            for (const auto& other : all)
              link(other);
            suspend();
          });
        }
        testing::settle();
        all[1].raise(trouble("first"));
        for (const auto& f : all)
          CHECK_THROWS_WITH_AS(f.await(), "first", trouble);
      });
    });
  }

  TEST_CASE("an earlier stop keeps its meaning when a linked fiber fails") {
    testing::run([] {
      with_scope({.errors = error_policy::isolate}, [](scope& s) {
        const auto f = s.spin([] {
          sleep(5ms);
          throw trouble();
        });
        const auto g = spin([&] {
          link(f);
          shield([] { sleep(10ms); });
          checkpoint();
        });
        testing::settle();
        CHECK(g.stop());
        const auto how = g.outcome();
        CHECK(how.stopped());
        CHECK(how.cause().requests().size() == 2);
      });
    });
  }
}

TEST_SUITE("monitors") {
  TEST_CASE("V-06: the notice comes after what the fiber held is gone") {
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
      CHECK(f.stop());
      const auto n = receive<ended>();
      CHECK(n.who == f);
      CHECK(n.how.stopped());
      log.at("n");
    });
    CHECK(log == trace{"d@20", "n@20"});
  }

  TEST_CASE("V-07: a fiber that is no longer monitored sends nothing") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      CHECK(f.monitor());
      CHECK(f.unmonitor());
      CHECK_FALSE(f.unmonitor());
      f.interrupt();
      CHECK_FALSE(try_receive<ended>());
    });
  }

  TEST_CASE("V-07: a notice that was sent already stays, unless it is flushed") {
    testing::run([] {
      const auto f = spin([] {});
      const auto g = spin([] {});
      const auto h = spin([] {});
      for (const auto& each : {f, g, h})
        CHECK(each.monitor());
      testing::settle();
      CHECK_FALSE(f.unmonitor());
      this_fiber::self() << 7;
      CHECK(g.unmonitor({.flush = true}));
      CHECK_FALSE(g.unmonitor({.flush = true}));
      CHECK(receive<ended>().who == f);
      CHECK(receive<ended>().who == h);
      CHECK_FALSE(try_receive<ended>());
      CHECK(receive<int>() == 7);
    });
  }

  TEST_CASE("whoever monitors a fiber twice gets one notice") {
    testing::run([] {
      const auto f = spin([] {});
      CHECK(f.monitor());
      CHECK_FALSE(f.monitor());
      f.await();
      CHECK(receive_all_pending<ended>().size() == 1);
    });
  }
}

}  // namespace
}  // namespace motet
