// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <tuple>
#include <vector>

namespace motet {
namespace {

using test::fails_after;
using test::fails_when_stopped;
using test::now_in_ms;
using test::text_of;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("errors: who gets them") {
  TEST_CASE("E-09: awaiters share the error, and the parent does not get it too") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        const auto f = spin(fails_after(10ms, "E"));
        std::vector<const void*> objects;
        for (int i = 0; i < 3; ++i) {
          spin([&objects, f] {
            try {
              f.await();
            } catch (const trouble& e) {
              objects.push_back(&e);
            }
          });
        }
        sleep(20ms);
        CHECK(objects.size() == 3);
        for (const void* object : objects)
          CHECK(object == objects.front());
        log.at("on");
      });
      p.await();
    });
    CHECK(log == trace{"on@20"});
  }

  TEST_CASE("an observer that leaves its wait hands the error back to the parent") {
    trace log;
    testing::run([&] {
      const auto f = spin(fails_after(20ms, "E"));
      const auto awaiter = spin([&] { (void)f.outcome(); });
      testing::settle();
      CHECK(awaiter.stop());
      try {
        suspend();
      } catch (const trouble& e) {
        log.at(e.what());
      }
    });
    CHECK(log == trace{"E@20"});
  }

  TEST_CASE("E-10: await_all stops the rest when one fails, and throws its error") {
    testing::run([] {
      const auto f1 = spin(fails_after(10ms, "foo"));
      const auto f2 = spin([] { sleep(1s); });
      const auto f3 = spin([] { suspend(); });
      try {
        await_all(f1, f2, f3);
        FAIL("one failed");
      } catch (const trouble& e) {
        CHECK(std::string(e.what()) == "foo");
        CHECK(source_of(e) == f1);
      }
      CHECK(f1.done());
      CHECK(f2.done());
      CHECK(f3.done());
      CHECK(now_in_ms() == 10);
      checkpoint();
    });
  }

  TEST_CASE(
      "E-10: await_all hears of the first error, in whichever order they are given") {
    testing::run([] {
      const auto f1 = spin([] { sleep(1s); });
      const auto f2 = spin(fails_after(10ms, "foo"));
      CHECK(thrown_by([&] { await_all(f1, f2); }) == "foo");
      CHECK(now_in_ms() == 10);
      CHECK(f1.outcome().stopped());
      checkpoint();
    });
  }

  TEST_CASE("E-10: await_all observes all of them, also those that live elsewhere") {
    trace log;
    testing::run([&] {
      const auto f1 = spin([] { sleep(1s); });
      const auto f2 = spin(fails_after(10ms, "foo"));
      const auto awaiter = spin([&] {
        log.at(thrown_by([&] { await_all(f1, f2); }));
        CHECK(f1.outcome().stopped());
      });
      log(thrown_by([&] { sleep(20ms); }));
      awaiter.await();
    });
    CHECK(log == trace{"foo@10", "nothing"});
  }

  TEST_CASE("E-10: await_all stops the rest, whatever the type of the error") {
    testing::run([] {
      const auto f1 = spin([] {
        sleep(10ms);
        throw structure_error("bad");
      });
      const auto f2 = spin([] { sleep(1s); });
      CHECK(thrown_by([&] { await_all(f1, f2); }) == "bad");
      CHECK(f2.done());
    });
  }

  TEST_CASE("E-11: await_all takes the value of move_on for one that was moved on") {
    testing::run([] {
      const auto f1 = spin([] { return std::string("foo"); });
      const auto f2 = spin([]() -> std::string { suspend(); });
      testing::settle();
      CHECK(f2.move_on("baz"));
      CHECK(await_all(f1, f2) == std::tuple{std::string("foo"), std::string("baz")});
      CHECK(await_all(std::vector{f1, f2}) == std::vector<std::string>{"foo", "baz"});
    });
  }

  TEST_CASE("E-14: an error that climbs stays the same object") {
    const trouble* thrown = nullptr;
    std::exception_ptr seen;
    try {
      testing::run([&] {
        const auto p = spin([&] {
          with_scope([&](scope& s) {
            s.spin([&] {
              try {
                throw trouble();
              } catch (const trouble& e) {
                thrown = &e;
                throw;
              }
            });
          });
        });
        try {
          p.await();
        } catch (...) {
          seen = std::current_exception();
          CHECK(p.outcome().error() == seen);
          throw;
        }
      });
      FAIL("it goes out of run");
    } catch (const trouble& e) {
      CHECK(&e == thrown);
      CHECK(std::current_exception() == seen);
    }
  }

  TEST_CASE("an error that the body awaited counts once") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) { s.spin(fails_after(10ms, "E")).await(); });
            }) == "E");
    });
  }

  TEST_CASE("an error of cleanup turns a stop into a failure") {
    testing::run([] {
      const auto f = spin(fails_when_stopped("cleanup"));
      testing::settle();
      const auto e = f.interrupt("why not");
      CHECK_FALSE(e.stopped());
      REQUIRE(e.failed());
      CHECK(text_of(e.error()) == "cleanup");
      CHECK(e.reason().message == "why not");
    });
  }
}

}  // namespace
}  // namespace motet
