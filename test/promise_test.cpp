// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("promises") {
  TEST_CASE("a promise is waited for until it is set, and not any more then") {
    trace log;
    testing::run([&] {
      const promise<std::string> p;
      const auto f = spin([&log, p] { log.at(p.get()); });
      CHECK_FALSE(p.ready());
      sleep(10ms);
      CHECK(p.set("kept"));
      CHECK(p.ready());
      log("set");
      f.await();
      CHECK(p.get() == "kept");
    });
    CHECK(log == trace{"set", "kept@10"});
  }

  TEST_CASE("R-01: a promise that is set first, then the cancel: the value") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const promise<> p;
        s.spin([&log, p] {
          log("W");
          p.get();
          log("R");
          checkpoint();
          log("never");
        });
        testing::settle();
        CHECK(p.set());
        CHECK(s.cancel());
        log("C");
        testing::settle();
      });
    });
    CHECK(log == trace{"W", "C", "R"});
  }

  TEST_CASE("R-02: the cancel first, then a promise that is set: cancelled") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const promise<> p;
        s.spin([&log, p] {
          log("W");
          p.get();
          log("never");
        });
        testing::settle();
        CHECK(s.cancel());
        CHECK(p.set());
        testing::settle();
      });
    });
    CHECK(log == trace{"W"});
  }

  TEST_CASE("several wait for a promise, and go on in the order in which they came") {
    trace log;
    testing::run([&] {
      const promise<int> p;
      for (const char* name : {"a", "b", "c"}) {
        spin([&log, p, name] {
          log(name);
          log(name + std::to_string(p.get()));
        });
      }
      testing::settle();
      p.set(7);
      testing::settle();
    });
    CHECK(log == trace{"a", "b", "c", "a7", "b7", "c7"});
  }

  TEST_CASE("a fiber that is stopped leaves the queue of a promise") {
    trace log;
    testing::run([&] {
      const promise<int> p;
      const auto a = spin([p] { return p.get(); });
      const auto b = spin([p] { return p.get(); });
      testing::settle();
      CHECK(a.interrupt().stopped());
      CHECK(p.set(3));
      CHECK(b.await() == 3);
    });
  }

  TEST_CASE("the first value counts, and an error is a value like others") {
    testing::run([] {
      const promise<int> p;
      CHECK(p.set(1));
      CHECK_FALSE(p.set(2));
      CHECK_FALSE(p.set_exception(trouble()));
      CHECK(p.get() == 1);
      const promise<int> q;
      const auto f = spin([q] { return q.get(); });
      testing::settle();
      CHECK(q.set_exception(trouble("broken")));
      CHECK_FALSE(q.set(1));
      CHECK_THROWS_AS((void)q.get(), trouble);
      CHECK_THROWS_WITH((void)f.await(), "broken");
    });
  }

  TEST_CASE("no error at all does not set a promise") {
    testing::run([] {
      const promise<> p;
      CHECK_FALSE(p.set_exception(std::exception_ptr()));
      CHECK_FALSE(p.ready());
    });
  }

  TEST_CASE("a promise that can only be moved goes to the first, references to all") {
    testing::run([] {
      const promise<std::unique_ptr<int>> p;
      p.set(std::make_unique<int>(5));
      CHECK(*p.get() == 5);
      CHECK_THROWS_AS(p.get(), structure_error);
      int there = 1;
      const promise<int&> q;
      q.set(there);
      CHECK(&q.get() == &there);
      CHECK(&q.get() == &there);
    });
  }

  TEST_CASE("a promise lives as long as somebody waits for it") {
    testing::run([] {
      std::optional<promise<std::string>> p(std::in_place);
      const auto f = spin([&p] { return p->get(); });
      testing::settle();
      p->set("still there");
      p.reset();
      CHECK(f.await() == "still there");
    });
  }

  TEST_CASE("a value that cannot be made leaves a promise as it was") {
    testing::run([] {
      struct picky {
        explicit picky(int n) {
          if (n < 0) throw trouble();
        }
      };
      const promise<picky> p;
      CHECK_THROWS_AS(p.set(-1), trouble);
      CHECK_FALSE(p.ready());
      CHECK(p.set(1));
    });
  }

  TEST_CASE("a promise that nobody will set is named as what is waited for") {
    CHECK_THROWS_WITH_AS(testing::run([] { promise<>().get(); }),
                         doctest::Contains("a promise to be set"), deadlock_error);
  }
}

}  // namespace
}  // namespace motet
