// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::tracked;
using test::trouble;
using test::trouble_1;
using test::trouble_2;

TEST_SUITE("basics: raising into a fiber") {
  TEST_CASE("B-16 (R7): a raised exception can be caught, and the fiber goes on") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          suspend();
        } catch (const trouble&) {
          log.at("caught");
        }
        sleep(1ms);
        log.at("on");
      });
      testing::settle();
      CHECK(f.raise(trouble()));
      f.await();
      CHECK_FALSE(f.outcome().cancel_requested());
    });
    CHECK(log == trace{"caught@0", "on@1"});
  }

  TEST_CASE("B-17 (R7): an uncaught raise reaches the awaiter as it is") {
    trace log;
    testing::run([&] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      f.raise(trouble("foo"));
      try {
        f.await();
        log("never");
      } catch (const trouble& e) {
        log(e.what());
        log(source_of(e) == f);
      }
      sleep(1ms);  // and nobody else gets it
    });
    CHECK(log == trace{"foo", "true"});
  }

  TEST_CASE("B-19 (R7): a stop beats a raise, which is kept as a cause") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.raise(trouble_1("kept")));
      CHECK(f.stop());
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK_FALSE(e.failed());
      CHECK(e.cause().contains<trouble_1>());
      REQUIRE(e.cause().errors().size() == 1);
      CHECK(describe(e.cause().errors()[0]) == "kept");
    });
  }

  TEST_CASE("B-20: throw_to returns when the exception was thrown") {
    trace log;
    testing::run([&] {
      const auto t = spin([&] {
        shield([] { sleep(50ms); });
        try {
          checkpoint();
        } catch (const trouble&) {
          log("got");
        }
      });
      testing::settle();
      CHECK(t.throw_to(trouble()));
      log.at("back");
    });
    CHECK(log == trace{"got", "back@50"});
  }

  TEST_CASE("B-20: a throw_to that is cancelled did not happen") {
    trace log;
    testing::run([&] {
      const auto t = spin([&] {
        shield([] { sleep(50ms); });
        checkpoint();
        log.at("unharmed");
      });
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { t.throw_to(trouble()); }));
      log.at("back");
      t.await();
      CHECK_FALSE(t.outcome().cause().contains<trouble>());
    });
    CHECK(log == trace{"back@10", "unharmed@50"});
  }

  TEST_CASE("B-20: throw_to returns when the target ends without having met a point") {
    trace log;
    testing::run([&] {
      const auto t = spin([] { shield([] { sleep(50ms); }); });
      testing::settle();
      t.throw_to(trouble());
      log.at("back");
      CHECK_FALSE(t.outcome().failed());
      CHECK(t.outcome().cause().contains<trouble>());
    });
    CHECK(log == trace{"back@50"});
  }

  TEST_CASE("an exception_ptr to nothing is not thrown, and nobody waits for it") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK_FALSE(f.raise(std::exception_ptr()));
      CHECK_FALSE(f.throw_to(std::exception_ptr()));
      CHECK(f.interrupt().stopped());
    });
  }

  TEST_CASE("throw_to oneself throws at once") {
    testing::run([] {
      CHECK_THROWS_AS(this_fiber::self().throw_to(trouble()), trouble);
      checkpoint();
    });
  }

  TEST_CASE("B-32 (R10): a fiber raised into before it starts fails without running") {
    trace log;
    testing::run([&] {
      const auto f = spin([&, owned = tracked()] { log("never"); });
      CHECK(tracked::alive() == 1);
      CHECK(f.raise(trouble("e")));
      try {
        f.await();
        log("never");
      } catch (const trouble& e) {
        log(e.what());
      }
      CHECK(tracked::alive() == 0);
    });
    CHECK(log == trace{"e"});
  }

  TEST_CASE("B-32 (R10): a stop beats the raise that came before the start") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] { log("never"); });
      f.raise(trouble_1());
      f.stop();
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.cause().contains<trouble_1>());
    });
    CHECK(log == trace{});
  }

  TEST_CASE("B-32 (R10): with start_policy::always a raise waits for the first point") {
    trace log;
    testing::run([&] {
      const auto f = spin({.start = start_policy::always}, [&] {
        log("in");
        try {
          checkpoint();
        } catch (const trouble&) {
          log("caught");
        }
      });
      f.raise(trouble());
      f.await();
    });
    CHECK(log == trace{"in", "caught"});
  }

  TEST_CASE("R7: one raised exception is thrown per point, oldest first") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          suspend();
        } catch (const trouble_1&) {
          log("1");
        }
        try {
          checkpoint();
        } catch (const trouble_2&) {
          log("2");
        }
        checkpoint();
        log("on");
      });
      testing::settle();
      f.raise(trouble_1());
      f.raise(trouble_2());
      f.await();
    });
    CHECK(log == trace{"1", "2", "on"});
  }

  TEST_CASE("R7: a raise that is never thrown ends up in the cause") {
    testing::run([] {
      const auto f = spin({.start = start_policy::always}, [] { return 1; });
      f.raise(trouble_1());
      const auto e = f.outcome();
      REQUIRE(e.has_value());
      CHECK(e.value() == 1);
      CHECK(e.cause().contains<trouble_1>());
      CHECK_FALSE(e.cause().contains<trouble_2>());
    });
  }

  TEST_CASE("R7: raising text throws a std::runtime_error") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.raise("foo"));
      CHECK_THROWS_WITH_AS(f.await(), "foo", std::runtime_error);
    });
  }

  TEST_CASE("an exception as a message is data, and only raise throws it") {
    testing::run([] {
      const auto f = spin([] {
        const auto got = receive<std::exception_ptr>();
        return describe(got);
      });
      f << std::make_exception_ptr(trouble("foo"));
      CHECK(f.await() == "foo");
    });
  }
}

}  // namespace
}  // namespace motet
