// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::slow_to_stop;
using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("supervise: being left") {
  TEST_CASE("V-04: stopping the supervisor restarts nothing") {
    trace log;
    testing::run([&] {
      int runs = 0;
      fiber<> a;
      fiber<> b;
      const auto child = [&] {
        ++runs;
        const cleanup last([&] { log("x"); });
        suspend();
      };
      const auto sup = spin([&] {
        a = spin(child);
        b = spin(child);
        supervise({a, b}, {.restart = restart_policy::always});
      });
      testing::settle();
      CHECK(sup.interrupt().stopped());
      CHECK(a.done());
      CHECK(b.done());
      sleep(1s);
      CHECK(runs == 2);
    });
    CHECK(log == trace{"x", "x"});
  }

  TEST_CASE("V-04: nor does a child that fails in the same turn come back") {
    trace log;
    testing::run([&] {
      int runs = 0;
      const auto sup = spin([&] {
        spin([&] {
          ++runs;
          sleep(10ms);
          throw trouble("too late");
        });
        supervise({.restart = restart_policy::on_error});
      });
      sleep(10ms);
      const auto how = sup.interrupt();
      CHECK(how.stopped());
      CHECK(how.cause().contains<trouble>());
      CHECK(runs == 1);
    });
  }

  TEST_CASE("V-19: the last one is stopped first, each after the one before") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin(slow_to_stop("a", 10ms, log));
        spin(slow_to_stop("b", 20ms, log));
        spin(slow_to_stop("c", 30ms, log));
        supervise();
      });
      sleep(100ms);
      CHECK(sup.interrupt().stopped());
      log.at("end");
    });
    CHECK(log == trace{"c asked@100", "c gone@130", "b asked@130", "b gone@150",
                       "a asked@150", "a gone@160", "end@160"});
  }

  TEST_CASE("V-19: in the order of the list, wherever they live") {
    trace log;
    testing::run([&] {
      const auto a = spin(slow_to_stop("a", 10ms, log));
      const auto b = spin(slow_to_stop("b", 10ms, log));
      const bool finished = move_on_after(100ms, [&] { supervise({b, a}); });
      CHECK_FALSE(finished);
      log.at("end");
    });
    CHECK(log ==
          trace{"a asked@100", "a gone@110", "b asked@110", "b gone@120", "end@120"});
  }

  TEST_CASE("V-19: each gets its grace before it is cancelled") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin(slow_to_stop("a", 0ms, log));
        spin([&] {  // ends by itself, in time
          sleep(230ms);
          log.at("b done");
        });
        spin(slow_to_stop("c", 0ms, log));
        supervise({.shutdown = 100ms});
      });
      sleep(50ms);
      CHECK(sup.interrupt().stopped());
    });
    CHECK(log ==
          trace{"c asked@150", "c gone@150", "b done@230", "a asked@330", "a gone@330"});
  }

  TEST_CASE("the supervisor's own end, and its scope's, stop them in order, too") {
    trace log;
    testing::run([&] {
      const auto parent = spin([&] {
        with_scope([&](scope& s) {
          s.spin([&] {
            spin(slow_to_stop("a", 10ms, log));
            spin(slow_to_stop("b", 10ms, log));
            supervise({.restart = restart_policy::always});
          });
          sleep(10ms);
          s.cancel();
        });
        log.at("scope left");
        spin([&] {
          spin(slow_to_stop("c", 10ms, log));
          spin(slow_to_stop("d", 10ms, log));
          supervise({.restart = restart_policy::always});
        });
        testing::settle();
      });
      parent.await();
      log.at("end");
    });
    CHECK(log == trace{"b asked@10", "b gone@20", "a asked@20", "a gone@30",
                       "scope left@30", "d asked@30", "d gone@40", "c asked@40",
                       "c gone@50", "end@50"});
  }

  TEST_CASE("a child of another fiber is done when that one ends") {
    trace log;
    testing::run([&] {
      fiber<> child;
      const auto parent = spin([&] {
        child = spin(slow_to_stop("child", 10ms, log));
        sleep(50ms);
      });
      testing::settle();
      supervise({child}, {.restart = restart_policy::always});
      log.at("end");
      parent.await();
    });
    CHECK(log == trace{"child asked@50", "child gone@60", "end@60"});
  }

  TEST_CASE("its error in cleaning up then is the supervisor's") {
    testing::run([&] {
      fiber<> child;
      const auto parent = spin([&] {
        child = spin([] {
          try {
            suspend();
          } catch (const cancelled&) {
            throw trouble();
          }
        });
        sleep(50ms);
      });
      testing::settle();
      CHECK_THROWS_AS(supervise({child}, {.restart = restart_policy::on_error}), trouble);
      parent.await();
    });
  }

  TEST_CASE("a second request changes nothing while it waits for a slow child") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin(slow_to_stop("a", 50ms, log));
        spin(slow_to_stop("b", 50ms, log));
        supervise();
      });
      sleep(10ms);
      sup.stop("first");
      sleep(10ms);
      sup.cancel("second");
      sleep(10ms);
      CHECK(sup.raise(trouble()));
      CHECK(sup.wait().reason().message == "first");
      log.at("end");
    });
    CHECK(log == trace{"b asked@10", "b gone@60", "a asked@60", "a gone@110", "end@110"});
  }

  TEST_CASE("stopped in a back-off, it restarts nothing and leaves no timer") {
    int runs = 0;
    testing::run([&] {
      const auto sup = spin([&] {
        spin([&, owned = tracked()] {
          ++runs;
          throw trouble();
        });
        supervise({.restart = restart_policy::on_error, .backoff = 1h});
      });
      sleep(10ms);
      CHECK(testing::armed_timers() == 1);
      CHECK(tracked::alive() == 1);
      CHECK(sup.interrupt().stopped());
      CHECK(testing::armed_timers() == 0);
      CHECK(tracked::alive() == 0);
      CHECK(test::now_in_ms() == 10);
    });
    CHECK(runs == 1);
  }

  TEST_CASE("a supervisor that is restarted begins anew") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        log.at("sup");
        spin(slow_to_stop("a", 10ms, log));
        supervise({.restart = restart_policy::always});
      });
      sleep(10ms);
      CHECK(sup.restart());
      sleep(90ms);
      CHECK(this_fiber::self().children().size() == 1);
      CHECK(sup.children().size() == 1);
      sup.interrupt();
    });
    CHECK(log == trace{"sup@0", "a asked@10", "a gone@20", "sup@20", "a asked@100",
                       "a gone@110"});
  }

  TEST_CASE("a child restarted by somebody as the supervisor leaves is stopped") {
    trace log;
    testing::run([&] {
      const auto child = spin([&] {
        log("run");
        spin(slow_to_stop("below", 20ms, log));
        testing::settle();
      });
      const auto sup =
          spin([&] { supervise({child}, {.restart = restart_policy::always}); });
      testing::settle();  // the child's body is done, what it spun is not
      CHECK(child.restart());
      CHECK(sup.interrupt().stopped());
      CHECK(child.done());
    });
    CHECK(log == trace{"run", "below asked@0", "below gone@20"});
  }

  TEST_CASE("cancelled on entry, it touches nobody") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      const auto sup = spin({.start = start_policy::always}, [&] { supervise({f}); });
      sup.stop();
      CHECK(sup.outcome().stopped());
      CHECK_FALSE(f.done());
    });
  }
}

}  // namespace
}  // namespace motet
