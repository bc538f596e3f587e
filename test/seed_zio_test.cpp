// SPDX-License-Identifier: MIT

// Lifetimes of child fibers, as ZIO's documentation of fibers shows them: the same
// programs, and the lines they print. The one difference: spans end a moment earlier, as
// it would else be left to chance whether a line that is due at the very end is printed.

#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

namespace motet {
namespace {

using test::trace;

/// Says once a second that it still runs.
auto bar(trace& log) {
  return [&log] { every(1s, [&] { log("Bar: still running!"); }); };
}

duration just_before(duration span) {
  return span - 1ms;
}

TEST_SUITE("ZIO's lifetimes") {
  TEST_CASE("fork: a child does not outlive the application") {
    trace log;
    testing::run([&] {
      log("Application started!");
      spin([&] {
        try {
          suspend();
        } catch (const cancelled&) {
          log("The child fiber interrupted!");
          throw;
        }
      });
      testing::settle();  // the latch of the original: the child has begun
      log("Application finished!");
    });
    CHECK(log == trace{"Application started!", "Application finished!",
                       "The child fiber interrupted!"});
  }

  TEST_CASE("fork: a child does not outlive its parent") {
    trace log;
    testing::run([&] {
      const fiber<> foo = spin([&] {
        log("Foo: started!");
        spin(bar(log));
        sleep(just_before(3s));
        log("Foo: finished!");
      });
      foo.await();
    });
    CHECK(log == trace{"Foo: started!", "Bar: still running!", "Bar: still running!",
                       "Bar: still running!", "Foo: finished!"});
  }

  TEST_CASE("daemon: a child goes on when its parent has ended, until all ends") {
    trace log;
    testing::run([&] {
      spin([&] {
        log("Foo: started!");
        spin_daemon(bar(log));
        sleep(just_before(3s));
        log("Foo: finished!");
      });
      sleep(just_before(5s));
    });
    CHECK(log == trace{"Foo: started!", "Bar: still running!", "Bar: still running!",
                       "Bar: still running!", "Foo: finished!", "Bar: still running!",
                       "Bar: still running!"});
  }

  TEST_CASE("daemon: a child goes on when its parent is interrupted") {
    trace log;
    testing::run([&] {
      const fiber<> foo = spin([&] {
        try {
          log("Foo: started!");
          spin_daemon(bar(log));
          sleep(just_before(3s));
          log("Foo: finished!");
        } catch (const cancelled&) {
          log("Foo: interrupted!");
          throw;
        }
      });
      sleep(just_before(2s));
      foo.interrupt();
      sleep(just_before(3s));
    });
    CHECK(log == trace{"Foo: started!", "Bar: still running!", "Bar: still running!",
                       "Foo: interrupted!", "Bar: still running!", "Bar: still running!",
                       "Bar: still running!"});
  }

  TEST_CASE("local scope: a child outlives its parent, but not the scope") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& local) {
        log("Local scope started!");
        spin([&] {
          log("Foo: started!");
          local.spin_daemon(bar(log));
          sleep(just_before(2s));
          log("Foo: finished!");
        });
        sleep(just_before(5s));
        log("Leaving the local scope!");
      });
      log("Do something else and sleep for 10 seconds");
      sleep(just_before(10s));
      log("Application exited!");
    });
    CHECK(log ==
          trace{"Local scope started!", "Foo: started!", "Bar: still running!",
                "Bar: still running!", "Foo: finished!", "Bar: still running!",
                "Bar: still running!", "Bar: still running!", "Leaving the local scope!",
                "Do something else and sleep for 10 seconds", "Application exited!"});
  }

  TEST_CASE("specific scope: a child spun in an inner scope lives in an outer one") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        with_scope([&](scope&) {
          outer.spin_daemon([&] { every(1s, [&] { log("Still running ..."); }); });
          sleep(just_before(3s));
          log("The innermost scope is about to be closed.");
        });
        sleep(just_before(5s));
        log("The outer scope is about to be closed.");
      });
    });
    CHECK(log == trace{"Still running ...", "Still running ...", "Still running ...",
                       "The innermost scope is about to be closed.", "Still running ...",
                       "Still running ...", "Still running ...", "Still running ...",
                       "Still running ...", "The outer scope is about to be closed."});
  }

  TEST_CASE("background work that is given along with a value outlives its use") {
    trace log;
    testing::run([&] {
      const auto layer = [&] {
        spin_daemon([&] { every(1s, [&] { log("Still running ..."); }); });
        testing::settle();
        return 42;
      };
      with_scope([&](scope&) {
        CHECK(layer() == 42);
        log("Int layer provided");
      });
      sleep(just_before(5s));
    });
    CHECK(log == trace{"Still running ...", "Int layer provided", "Still running ...",
                       "Still running ...", "Still running ...", "Still running ..."});
  }
}

}  // namespace
}  // namespace motet
