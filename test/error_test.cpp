// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::fails_after;
using test::fails_when_stopped;
using test::now_in_ms;
using test::text_of;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("errors: several at once") {
  TEST_CASE("E-01: two errors of children make a group, in the order of their ends") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin(fails_after(20ms, "E2"));
                s.spin(fails_after(10ms, "E1"));
              });
            }) == "{E1 E2}");
      CHECK(now_in_ms() == 20);
    });
  }

  TEST_CASE("E-02: the body's error comes before a child's") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin(fails_after(0ms, "child"));
                shield([] { sleep(10ms); });
                throw trouble("body");
              });
            }) == "{body child}");
    });
  }

  TEST_CASE("E-03: cancellations are no errors: a single error stays bare") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin([] { sleep(1s); });
                s.spin(fails_after(10ms, "E"));
                s.spin([] { sleep(1s); });
                sleep(1s);
              });
            }) == "E");
      CHECK(now_in_ms() == 10);
    });
  }

  TEST_CASE("E-04: errors thrown while being cancelled are reported") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin(fails_when_stopped("c1"));
                s.spin(fails_when_stopped("c2"));
                testing::settle();
                throw trouble("X");
              });
            }) == "{X c1 c2}");
    });
  }

  TEST_CASE("E-05: a child's error and one of the body's cleanup make a group") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin(fails_after(100ms, "E"));
                fails_when_stopped("M")();
              });
            }) == "{M E}");
      CHECK(now_in_ms() == 100);
    });
  }

  TEST_CASE("E-06: scopes nest groups only where two or more errors meet") {
    testing::run([] {
      const auto two = [](scope& s) {
        s.spin(fails_after(1ms, "a"));
        s.spin(fails_after(1ms, "b"));
      };
      CHECK(thrown_by([&] {
              with_scope(
                  [&](scope&) { with_scope([](scope& s) { s.fail(trouble("a")); }); });
            }) == "a");
      CHECK(thrown_by([&] { with_scope([&](scope&) { with_scope(two); }); }) == "{a b}");
      CHECK(thrown_by([&] {
              with_scope([&](scope& s) {
                s.spin(fails_after(2ms, "c"));
                with_scope(two);
              });
            }) == "{{a b} c}");
    });
  }

  TEST_CASE("E-15: a scope waits for its fibers' cleanup before it throws") {
    trace log;
    testing::run([&] {
      try {
        with_scope([&](scope& s) {
          s.spin(fails_after(100ms, "E"));
          s.spin([&] {
            const cleanup last([&] { sleep(50ms); });
            suspend();
          });
        });
      } catch (const trouble&) {
        log.at("thrown");
      }
    });
    CHECK(log == trace{"thrown@150"});
  }

  TEST_CASE("E-17: a group holds a thousand errors and counts the rest") {
    testing::run([] {
      try {
        with_scope([](scope& s) {
          for (int i = 0; i < 5000; ++i)
            s.spin(fails_when_stopped("late"));
          testing::settle();
          throw trouble("first");
        });
      } catch (const exception_group& group) {
        CHECK(group.errors().size() == exception_group::capacity);
        CHECK(group.dropped() == 4001);
        CHECK(text_of(group.errors().front()) == "first");
      }
    });
  }

  TEST_CASE("fail makes a scope throw, and the first cancels the rest") {
    trace log;
    testing::run([&] {
      CHECK(thrown_by([&] {
              with_scope([&](scope& s) {
                s.spin([&] {
                  const cleanup last([&] { log.at("child"); });
                  suspend();
                });
                testing::settle();
                s.fail(trouble("one"));
                s.fail(trouble("two"));
              });
            }) == "{one two}");
    });
    CHECK(log == trace{"child@0"});
  }

  TEST_CASE("V-24: isolated errors go to on_unhandled, once each, and hurt nobody") {
    trace log;
    run({.backend = backend_kind::sim,
         .signals = signal_policy::none,
         .on_unhandled = [&](std::exception_ptr error) { log.at(describe(error)); }},
        [&] {
          with_scope({.errors = error_policy::isolate}, [&](scope& s) {
            s.spin(fails_after(10ms, "one"));
            s.spin([&] {
              sleep(30ms);
              log.at("sibling");
            });
            s.spin(fails_after(20ms, "two"));
            const auto stopped = s.spin([] { suspend(); });
            testing::settle();
            CHECK(stopped.stop());
          });
          log.at("end");
        });
    CHECK(log == trace{"one@10", "two@20", "sibling@30", "end@30"});
  }
}

}  // namespace
}  // namespace motet
