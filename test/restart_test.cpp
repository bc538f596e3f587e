// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("restart: running fibers") {
  TEST_CASE("V-08: a restarted fiber keeps its id, and its children end first") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log(1);
        spin([&] {
          const cleanup last([&] {
            sleep(10ms);
            log.at("c");
          });
          suspend();
        });
        suspend();
      });
      testing::settle();
      const auto id = f.id();
      CHECK(f.restart());
      sleep(50ms);
      CHECK(f.id() == id);
      CHECK(f.children().size() == 1);
      CHECK(log == trace{"1", "c@10", "1"});
    });
  }

  TEST_CASE("V-10: a message sent after restart reaches the new run, none before does") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        for (;;)
          log(receive<std::string>());
      });
      testing::settle();
      f << "o1"
        << "o2";
      CHECK(f.restart());
      f << "new";
      testing::settle();
    });
    CHECK(log == trace{"o1", "new"});
  }

  TEST_CASE("V-12: an awaiter waits across restarts") {
    trace log;
    testing::run([&] {
      const auto f = spin([] {
        sleep(20ms);
        return 5;
      });
      const auto w = spin([&] { log.at(f.await()); });
      sleep(10ms);
      CHECK(f.restart());
      w.await();
    });
    CHECK(log == trace{"5@30"});
  }

  TEST_CASE("V-13: a stop beats a restart, whichever comes first") {
    testing::run([] {
      int n = 0;
      const auto body = [&n] {
        ++n;
        suspend();
      };
      const auto f = spin(body);
      testing::settle();
      CHECK(f.restart());
      CHECK(f.stop());
      testing::settle();
      CHECK(n == 1);
      CHECK(f.outcome().stopped());
      CHECK(f.outcome().reason().kind == cancel_kind::stop);

      n = 0;
      const auto g = spin(body);
      testing::settle();
      CHECK(g.stop());
      CHECK_FALSE(g.restart());
      CHECK(g.outcome().stopped());
      CHECK(n == 1);
    });
  }

  TEST_CASE(
      "V-14: restarts before the fiber runs make one, and each empties the mailbox") {
    trace log;
    int runs = 0;
    testing::run([&] {
      const auto f = spin([&] {
        ++runs;
        log(receive<int>());
        suspend();
      });
      testing::settle();
      f << 1;
      testing::settle();
      CHECK(f.restart());
      f << 2;
      CHECK(f.restart());
      f << 3;
      testing::settle();
    });
    CHECK(log == trace{"1", "3"});
    CHECK(runs == 2);
  }

  TEST_CASE("V-15: a restarted fiber finds its closure as it left it") {
    trace log;
    testing::run([&] {
      const auto f = spin([&log, n = 0]() mutable {
        log(++n);
        suspend();
      });
      testing::settle();
      CHECK(f.restart());
      testing::settle();
    });
    CHECK(log == trace{"1", "2"});
  }

  TEST_CASE("V-15: a restarted fiber is lent its arguments again, move-only ones too") {
    trace log;
    testing::run([&] {
      const auto f = spin(
          [&](int& count, const std::unique_ptr<int>& owned) {
            log(++count);
            log(*owned);
            suspend();
          },
          10, std::make_unique<int>(7));
      testing::settle();
      CHECK(f.restart());
      testing::settle();
    });
    CHECK(log == trace{"11", "7", "12", "7"});
  }

  TEST_CASE("a fiber that was moved its arguments cannot be restarted") {
    testing::run([] {
      const auto f =
          spin([](std::unique_ptr<int>) { suspend(); }, std::make_unique<int>(7));
      testing::settle();
      CHECK_FALSE(f.restart());
      testing::settle();
      CHECK_FALSE(f.done());
    });
  }

  TEST_CASE("V-16: the main fiber cannot be restarted") {
    testing::run([] {
      CHECK_THROWS_AS(this_fiber::self().restart(), const structure_error&);
      checkpoint();
    });
  }

  TEST_CASE("V-17: an error while unwinding for a restart goes to the cause") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log("run");
        try {
          suspend();
        } catch (const cancelled& c) {
          log(to_string(c.reason().kind));
          throw trouble("while unwinding");
        }
      });
      testing::settle();
      CHECK(f.restart());
      testing::settle();
      CHECK(f.stop());
      // The second run fails for good, with the error of the first in its cause.
      const auto e = f.outcome();
      CHECK(e.failed());
      CHECK(e.cause().contains<trouble>());
    });
    CHECK(log == trace{"run", "restart", "run", "stop"});
  }

  TEST_CASE("a fiber that has not started yet runs once") {
    int runs = 0;
    testing::run([&] {
      const auto f = spin([&] { ++runs; });
      CHECK(f.restart());
      CHECK(f.restart());
      f.await();
      testing::settle();
    });
    CHECK(runs == 1);
  }

  TEST_CASE("a run that ends by itself with a restart pending runs again") {
    testing::run([] {
      int runs = 0;
      const auto f = spin([&] {
        if (++runs == 1) shield([] { sleep(10ms); });
        return runs;
      });
      testing::settle();
      CHECK(f.restart());
      CHECK(f.await() == 2);

      runs = 0;
      const auto g = spin([&] {
        if (++runs == 1) {
          shield([] { sleep(10ms); });
          throw trouble("of the first run");
        }
        return runs;
      });
      testing::settle();
      CHECK(g.restart());
      const auto e = g.outcome();
      CHECK(e.value() == 2);
      CHECK(e.cause().contains<trouble>());
    });
  }

  TEST_CASE("a restart while children are left to end runs it again after them") {
    trace log;
    testing::run([&] {
      int runs = 0;
      const auto f = spin([&] {
        log.at("run");
        if (++runs > 1) return;
        spin([&] {
          const cleanup last([] { sleep(20ms); });
          suspend();
        });
        testing::settle();
      });
      sleep(10ms);
      CHECK_FALSE(f.stop());
      CHECK(f.restart());
      f.await();
    });
    CHECK(log == trace{"run@0", "run@20"});
  }

  TEST_CASE("nothing runs again in a scope that is cancelled") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto f = s.spin([&] {
          log("run");
          suspend();
        });
        testing::settle();
        CHECK(f.restart());
        CHECK(s.cancel());
        testing::settle();
        CHECK(f.done());
        CHECK(f.try_outcome()->stopped());
      });
    });
    CHECK(log == trace{"run"});
  }

  TEST_CASE("a receive of the old run is cancelled: no error, unless in a shield") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          log(receive<std::string>());
        } catch (const std::exception& e) {
          log(e.what());
        }
      });
      testing::settle();
      f.restart();
      f << "new";
      f.await();
      CHECK(f.outcome().cause().errors().empty());
    });
    CHECK(log == trace{"new"});
  }

  TEST_CASE("the old run finds its mailbox closed") {
    trace log;
    testing::run([&] {
      int runs = 0;
      const auto f = spin([&] {
        if (++runs > 1) {
          log(receive<int>());
          return;
        }
        try {
          suspend();
        } catch (const cancelled&) {
          shield([&] {
            sleep(10ms);
            log(try_receive<int>().has_value());
            try {
              (void)receive<int>();
            } catch (const closed_error&) {
              log.at("closed");
            }
          });
          throw;
        }
      });
      testing::settle();
      CHECK(f.restart());
      f << 7;
      f.await();
    });
    CHECK(log == trace{"false", "closed@10", "7"});
  }

  TEST_CASE("what waits in a shielded receive of the old run is told that it is closed") {
    trace log;
    testing::run([&] {
      int runs = 0;
      const auto f = spin([&] {
        if (++runs > 1) {
          log(receive<int>());
          return;
        }
        try {
          shield([] { return receive<int>(); });
          log("never");
        } catch (const closed_error&) {
          log("closed");
        }
      });
      testing::settle();
      CHECK(f.restart());
      f << 7;
      f.await();
    });
    CHECK(log == trace{"closed", "7"});
  }

  TEST_CASE("callable and arguments die in the fiber before its end is announced") {
    testing::run([] {
      const auto f = spin([owned = tracked()] { suspend(); });
      testing::settle();
      CHECK(f.restart());
      testing::settle();
      CHECK(tracked::alive() == 1);
      CHECK(f.interrupt().stopped());
      CHECK(tracked::alive() == 0);
    });
  }
}

}  // namespace
}  // namespace motet
