// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>

namespace motet {
namespace {

using test::trace;

TEST_SUITE("event") {
  TEST_CASE("an event is waited for until it is set, and not any more then") {
    trace log;
    testing::run([&] {
      event ready;
      for (const char* name : {"a", "b"}) {
        spin([&, name] {
          ready.wait();
          log.at(name);
        });
      }
      sleep(10ms);
      CHECK_FALSE(ready.is_set());
      ready.set();
      CHECK(ready.is_set());
      testing::settle();
      ready.wait();
      log.at("main");
    });
    CHECK(log == trace{"a@10", "b@10", "main@10"});
  }

  TEST_CASE("an event that is reset has to be set again, but who was woken goes on") {
    trace log;
    testing::run([&] {
      event ready;
      const auto first = spin([&] {
        ready.wait();
        log("first");
      });
      testing::settle();
      ready.set();
      ready.reset();
      first.await();
      CHECK_FALSE(move_on_after(10ms, [&] { ready.wait(); }));
    });
    CHECK(log == trace{"first"});
  }

  TEST_CASE("C-24: waiting for an event that is set throws if cancelled") {
    testing::run([] {
      event ready;
      ready.set();
      const auto f = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        ready.wait();
        FAIL_CHECK("a half guarantee");
      });
      CHECK(f.outcome().stopped());
    });
  }

  TEST_CASE("C-20: an event is set, then its waiters are cancelled: they see it") {
    trace log;
    testing::run([&] {
      event ready;
      with_scope([&](scope& s) {
        s.spin([&] {
          ready.wait();
          log("set");
          checkpoint();
          log("never");
        });
        testing::settle();
        ready.set();
        s.cancel();
      });
    });
    CHECK(log == trace{"set"});
  }

  TEST_CASE("a waiter that is stopped leaves the line") {
    testing::run([] {
      event ready;
      const auto a = spin([&] { ready.wait(); });
      const auto b = spin([&] { ready.wait(); });
      testing::settle();
      a.interrupt();
      CHECK_FALSE(b.done());
      ready.set();
      b.await();
    });
  }

  TEST_CASE("an event may be gone as soon as its only waiter goes on") {
    testing::run([] {
      std::optional<event> ready(std::in_place);
      const auto f = spin([&] {
        ready->wait();
        ready.reset();
      });
      testing::settle();
      ready->set();
      f.await();
      CHECK_FALSE(ready.has_value());
    });
  }

  TEST_CASE("outside of fibers an event can be set, not waited for") {
    event ready;
    CHECK_THROWS_AS(ready.wait(), structure_error);
    ready.set();
    CHECK(ready.is_set());
    CHECK_THROWS_AS(ready.wait(), structure_error);
  }
}

}  // namespace
}  // namespace motet
