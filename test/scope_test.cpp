// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;
using test::trouble_1;

TEST_SUITE("scopes: joining") {
  TEST_CASE("S-01: a scope ends when the last of its fibers has") {
    trace log;
    testing::run([&] {
      fiber<int> t1;
      fiber<int> t2;
      with_scope([&](scope& s) {
        t1 = s.spin([] {
          sleep(100ms);
          return 42;
        });
        t2 = s.spin([] {
          sleep(200ms);
          return 11;
        });
        CHECK(s.size() == 2);
      });
      log.at("x");
      CHECK(t1.await() == 42);
      CHECK(t2.await() == 11);
    });
    CHECK(log == trace{"x@200"});
  }

  TEST_CASE("S-02: a child's error ends its siblings, then the scope throws it") {
    trace log;
    int n = 0;
    testing::run([&] {
      try {
        with_scope([&](scope& s) {
          s.spin([] {
            sleep(100ms);
            throw trouble();
          });
          s.spin([&] {
            try {
              sleep(1s);
              ++n;
            } catch (const cancelled& c) {
              log.at("sib");
              CHECK(c.reason().kind == cancel_kind::failure);
              throw;
            }
          });
        });
        n += 10;
      } catch (const trouble&) {
        log.at("bare");
      }
    });
    CHECK(log == trace{"sib@100", "bare@100"});
    CHECK(n == 0);
  }

  TEST_CASE("S-03: the body's error cancels the children") {
    trace log;
    testing::run([&] {
      fiber<> a;
      fiber<> b;
      try {
        with_scope([&](scope& s) {
          a = s.spin([] { sleep(1s); });
          b = s.spin([] { sleep(1s); });
          sleep(100ms);
          throw trouble();
        });
      } catch (const trouble&) {
        log.at("E");
      }
      CHECK(a.outcome().stopped());
      CHECK(b.outcome().stopped());
    });
    CHECK(log == trace{"E@100"});
  }

  TEST_CASE("S-04: stopping one child does not hurt the others") {
    trace log;
    testing::run([&] {
      fiber<int> t2;
      with_scope([&](scope& s) {
        const auto t1 = s.spin([] { sleep(1s); });
        sleep(150ms);
        CHECK(t1.stop());
        t2 = s.spin([] {
          sleep(200ms);
          return 11;
        });
      });
      log.at("x");
      CHECK(t2.await() == 11);
    });
    CHECK(log == trace{"x@350"});
  }

  TEST_CASE("S-05: a stop from outside reaches body and children, all are awaited") {
    trace log;
    int n = 0;
    testing::run([&] {
      const auto r = spin([&] {
        with_scope([&](scope& s) {
          for (int i = 0; i < 5; ++i) {
            s.spin([&] {
              try {
                sleep(5s);
              } catch (const cancelled&) {
                ++n;
                throw;
              }
            });
          }
          try {
            sleep(10s);
          } catch (const cancelled&) {
            n += 10;
            throw;
          }
        });
        log("never");
      });
      sleep(100ms);
      CHECK(r.stop());
      CHECK(r.outcome().stopped());
      log.at("stopped");
    });
    CHECK(log == trace{"stopped@100"});
    CHECK(n == 15);
  }

  TEST_CASE("S-08: a child spins siblings while the scope is closing") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin([&] {
          sleep(10ms);
          s.spin([&] {
            sleep(10ms);
            log("x");
          });
        });
      });
      log.at("end");
    });
    CHECK(log == trace{"x", "end@20"});
  }

  TEST_CASE("S-08: a scope waits for all descendants, however many appear") {
    int born = 0;
    testing::run([&] {
      std::function<void(scope&, int)> grow = [&](scope& s, int depth) {
        ++born;
        sleep(1ms);
        for (int i = 0; depth > 0 && i < 2; ++i) {
          s.spin([&s, &grow, depth] { grow(s, depth - 1); });
        }
      };
      with_scope([&](scope& s) { s.spin([&] { grow(s, 6); }); });
      CHECK(motet::clock::now() == time_point(7ms));
    });
    CHECK(born == 127);
  }

  TEST_CASE("S-09: an error of the outer scope's child ends the inner scope") {
    trace log;
    testing::run([&] {
      try {
        with_scope([&](scope& s1) {
          s1.spin([] {
            sleep(100ms);
            throw trouble_1();
          });
          with_scope([&](scope& s2) { s2.spin([] { sleep(10s); }); });
          log("never");
        });
      } catch (const trouble_1&) {
        log.at("E1");
      }
    });
    CHECK(log == trace{"E1@100"});
  }

  TEST_CASE("S-10: an error of the inner scope's child goes out through both") {
    trace log;
    testing::run([&] {
      fiber<> outer_child;
      try {
        with_scope([&](scope& s1) {
          outer_child = s1.spin([] { sleep(10s); });
          with_scope([&](scope& s2) {
            s2.spin([] {
              sleep(100ms);
              throw trouble();
            });
          });
          log("never");
        });
      } catch (const trouble&) {
        log.at("E");
      }
      CHECK(outer_child.outcome().stopped());
    });
    CHECK(log == trace{"E@100"});
  }

  TEST_CASE("S-15: an inner scope does not wait for what was spun into the outer one") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        with_scope([&](scope&) {
          outer.spin([&] {
            sleep(50ms);
            log.at("w");
          });
        });
        log.at("i");
      });
      log.at("o");
    });
    CHECK(log == trace{"i@0", "w@50", "o@50"});
  }

  TEST_CASE("a scope returns what its body returns, when its fibers have ended") {
    testing::run([] {
      const std::string r = with_scope([](scope& s) {
        s.spin([] { sleep(30ms); });
        return std::string("result");
      });
      CHECK(r == "result");
      CHECK(motet::clock::now() == time_point(30ms));
    });
  }
}

}  // namespace
}  // namespace motet
