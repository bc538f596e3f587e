// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/debug.hpp>
#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::fails_after;
using test::fails_when_stopped;
using test::thrown_by;
using test::trace;

/// As testing::run, with errors that nobody gets in the log.
template <class F>
void run_and_log(trace& log, F&& f) {
  motet::run(
      {.backend = backend_kind::sim,
       .signals = signal_policy::none,
       .on_unhandled = [&](std::exception_ptr e) { log.at("unhandled " + describe(e)); }},
      std::forward<F>(f));
}

/// A body that waits to be stopped, then cleans up for a while.
auto cleans_up(trace& log, std::string name, duration span) {
  return [&log, name = std::move(name), span] {
    try {
      suspend();
    } catch (const cancelled&) {
      shield([&] { sleep(span); });
      log.at(name);
      throw;
    }
  };
}

TEST_SUITE("daemons") {
  TEST_CASE("S-14: a daemon outlives the fiber that spun it") {
    trace log;
    testing::run([&] {
      const fiber<> p = spin([&] {
        spin_daemon([&] {
          sleep(50ms);
          log.at("d");
        });
      });
      p.await();
      log.at("p");
      sleep(100ms);
    });
    CHECK(log == trace{"p@0", "d@50"});
  }

  TEST_CASE("a daemon keeps nobody: it is stopped when main and its children are done") {
    trace log;
    testing::run([&] {
      spin_daemon(cleans_up(log, "daemon", 10ms));
      spin(cleans_up(log, "child", 20ms));
      testing::settle();
      log.at("main");
    });
    log("run");
    CHECK(log == trace{"main@0", "child@20", "daemon@30", "run"});
  }

  TEST_CASE("a daemon learns that it ends because what it lives in does") {
    testing::run([&] {
      spin_daemon([] {
        try {
          suspend();
        } catch (const cancelled& c) {
          CHECK(c.reason().kind == cancel_kind::parent);
          throw;
        }
      });
      testing::settle();
    });
  }

  TEST_CASE("a stop of main reaches daemons only when all else has ended") {
    trace log;
    testing::run([&] {
      spin_daemon(cleans_up(log, "daemon", 0ms));
      const fiber_ref main = this_fiber::self();
      spin([&] {
        sleep(10ms);
        main.stop();
        try {
          sleep(1h);
        } catch (const cancelled&) {
          log.at("child");
          shield([] { sleep(10ms); });
          throw;
        }
      });
      try {
        suspend();
      } catch (const cancelled&) {
        log.at("main");
        throw;
      }
    });
    CHECK(log == trace{"child@10", "main@10", "daemon@20"});
  }

  TEST_CASE("a daemon does not hear of its creator's stop, timeouts and scopes") {
    trace log;
    testing::run([&] {
      const fiber<> p = spin([&] {
        move_on_after(10ms, [&] {
          with_scope([&](scope&) {
            spin_daemon([&] {
              sleep(50ms);
              log.at("d");
            });
            suspend();
          });
        });
        suspend();
      });
      sleep(20ms);
      p.interrupt();
      log.at("p");
      sleep(100ms);
    });
    CHECK(log == trace{"p@20", "d@50"});
  }

  TEST_CASE("E-13: a daemon that fails is told once, to on_unhandled; main goes on") {
    trace log;
    run_and_log(log, [&] {
      spin_daemon(fails_after(10ms, "daemon"));
      sleep(20ms);
      log.at("main");
    });
    CHECK(log == trace{"unhandled daemon@10", "main@20"});
  }

  TEST_CASE("E-13: a daemon or child that is stopped is never told") {
    trace log;
    run_and_log(log, [&] {
      spin_daemon([] { suspend(); });
      const fiber<> stopped = spin_daemon([] { suspend(); });
      const fiber<> child = spin([] { suspend(); });
      with_scope({.errors = error_policy::isolate}, [](scope& s) {
        const fiber<> isolated = s.spin([] { suspend(); });
        testing::settle();
        isolated.stop();
      });
      testing::settle();
      stopped.stop();
      child.stop();
      testing::settle();
      CHECK(stopped.try_outcome()->stopped());
    });
    CHECK(log == trace{});
  }

  TEST_CASE("E-13: a daemon that fails when it is stopped is told") {
    trace log;
    run_and_log(log, [&] {
      spin_daemon(fails_when_stopped("cleanup"));
      testing::settle();
    });
    CHECK(log == trace{"unhandled cleanup@0"});
  }

  TEST_CASE("a daemon's error goes to whoever awaits or monitors it, and nowhere else") {
    trace log;
    run_and_log(log, [&] {
      const fiber<> awaited = spin_daemon(fails_after(10ms, "awaited"));
      log.at(thrown_by([&] { awaited.await(); }));
      const fiber<> monitored = spin_daemon(fails_after(10ms, "monitored"));
      monitored.monitor();
      log.at(describe(receive<ended>().how.error()));
      const fiber<> late = spin_daemon(fails_after(10ms, "late"));
      sleep(20ms);
      log.at(thrown_by([&] { late.await(); }));
    });
    CHECK(log == trace{"awaited@10", "monitored@20", "unhandled late@30", "late@40"});
  }

  TEST_CASE("an isolated child's error goes to whoever awaits it, and nowhere else") {
    trace log;
    run_and_log(log, [&] {
      with_scope({.errors = error_policy::isolate}, [&](scope& s) {
        const fiber<> awaited = s.spin(fails_after(10ms, "awaited"));
        log.at(thrown_by([&] { awaited.await(); }));
        s.spin(fails_after(10ms, "alone"));
      });
    });
    CHECK(log == trace{"awaited@10", "unhandled alone@20"});
  }

  TEST_CASE("a daemon lives in main, last of its children, and a dump shows it") {
    std::string shown;
    testing::run([&] {
      fiber<> daemon;
      const fiber<> p = spin({.name = "creator"}, [&] {
        daemon = spin_daemon({.name = "daemon"}, [] {
          spin({.name = "its child"}, [] { suspend(); }).await();
        });
        suspend();
      });
      testing::settle();
      const fiber_ref main = this_fiber::self();
      CHECK(daemon.parent() == main);
      REQUIRE(main.children().size() == 2);
      CHECK(main.children()[0] == p);
      CHECK(main.children()[1] == daemon);
      CHECK(p.children().empty());
      with_scope([&](scope& s) {
        s.spin({.name = "scoped"}, [] { suspend(); });
        testing::settle();
        shown = dump();
        s.cancel();
      });
    });
    const auto at = [&](const char* line) {
      const auto found = shown.find(line);
      CHECK_MESSAGE(found != std::string::npos, line, " in\n", shown);
      return found;
    };
    CHECK(at("\"main\"") < at("\n  \"creator\""));
    CHECK(at("\n  \"creator\"") < at("\n  \"scoped\""));
    CHECK(at("\n  \"scoped\"") < at("\n  \"daemon\""));
    CHECK(at("\n  \"daemon\"") < at("\n    \"its child\""));
  }

  TEST_CASE("a daemon spun while daemons end never runs") {
    trace log;
    testing::run([&] {
      spin_daemon([&] {
        try {
          suspend();
        } catch (const cancelled&) {
          spin_daemon([&] { log("never"); });
          shield([] { sleep(10ms); });
          log.at("first");
          throw;
        }
      });
      testing::settle();
    });
    CHECK(log == trace{"first@10"});
  }

  TEST_CASE("a daemon spun while main's children end still runs") {
    trace log;
    testing::run([&] {
      spin([&] {
        try {
          suspend();
        } catch (const cancelled&) {
          spin_daemon([&] { log.at("daemon"); });
          shield([] { sleep(10ms); });
          throw;
        }
      });
      testing::settle();
    });
    CHECK(log == trace{"daemon@0"});
  }

  TEST_CASE("daemons take arguments and options, and give results") {
    int sum = 0;
    testing::run([&] {
      const fiber<int> a = spin_daemon([] { return 1; });
      const fiber<int> b = spin_daemon([](int x, int y) { return x + y; }, 2, 3);
      const fiber<int> c = spin_daemon(
          {.name = "c"}, [](int& x) { return x; }, 4);
      sum = a.await() + b.await() + c.await();
      CHECK(c.name() == "c");
    });
    CHECK(sum == 10);
  }

  TEST_CASE("a scope named from outside is not mistaken for the daemons' home") {
    bool changed = true;
    testing::run([&] {
      const fiber_ref main = this_fiber::self();
      scope_ref gone;
      with_scope([&](scope& s) { gone = s.ref(); });
      spin_daemon([&changed, gone] {
        try {
          suspend();
        } catch (const cancelled&) {
          changed = gone.cancel();
          throw;
        }
      });
      testing::settle();
    });
    CHECK(!changed);
  }

  TEST_CASE("spin_daemon outside of fibers throws") {
    CHECK_THROWS_AS(spin_daemon([] {}), structure_error);
  }
}

}  // namespace
}  // namespace motet
