// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::now_in_ms;
using test::trace;
using test::trouble;

TEST_SUITE("children: lifetimes") {
  TEST_CASE("S-11: a fiber that ends takes its children along, and waits for them") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        spin([&] {
          const cleanup last([&] {
            sleep(20ms);
            log.at("child");
          });
          suspend();
        });
        sleep(10ms);
        log.at("body");
      });
      CHECK_FALSE(p.outcome().stopped());
      log.at("p");
    });
    CHECK(log == trace{"body@10", "child@30", "p@30"});
  }

  TEST_CASE("S-12: a bare child outlives a timeout block, a scope's child does not") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(10ms, [&] {
        spin([&] {
          sleep(50ms);
          log.at("a");
        });
        with_scope([&](scope& s) {
          s.spin([&] {
            sleep(50ms);
            log("never");
          });
        });
      }));
      log.at("out");
      sleep(100ms);
    });
    CHECK(log == trace{"out@10", "a@50"});
  }

  TEST_CASE("S-24: a thousand parked children end with their fiber") {
    int ended = 0;
    testing::run([&] {
      const auto p = spin([&] {
        for (int i = 0; i < 1000; ++i) {
          spin([&] {
            const cleanup last([&] { ++ended; });
            suspend();
          });
        }
        testing::settle();
      });
      testing::settle();
      CHECK_FALSE(p.outcome().stopped());
      CHECK(p.children().empty());
      CHECK(ended == 1000);
    });
  }

  TEST_CASE("S-24: a chain of a thousand fibers ends from its far end") {
    int ended = 0;
    int out_of_order = 0;
    testing::run([&] {
      std::function<void(int)> descend = [&](int depth) {
        const cleanup last([&] {
          if (++ended != 1001 - depth) ++out_of_order;
        });
        if (depth < 1000) spin([&, depth] { descend(depth + 1); });
        suspend();
      };
      const auto first = spin([&] { descend(1); });
      testing::settle();
      CHECK(first.children().size() == 1);
      CHECK(first.interrupt().stopped());
      CHECK(now_in_ms() == 0);
    });
    CHECK(ended == 1000);
    CHECK(out_of_order == 0);
  }

  TEST_CASE("S-25: a scoped_fiber stops and joins, even while unwinding") {
    trace log;
    testing::run([&] {
      try {
        const scoped_fiber guard(spin([&] {
          const cleanup last([&] {
            sleep(10ms);
            log.at("c");
          });
          suspend();
        }));
        testing::settle();
        throw trouble();
      } catch (const trouble&) {
        log.at("E");
      }
    });
    CHECK(log == trace{"c@10", "E@10"});
  }

  TEST_CASE("S-25: a scoped_fiber joins although its owner is stopped meanwhile") {
    trace log;
    testing::run([&] {
      const auto owner = spin([&] {
        {
          const scoped_fiber guard(spin([&] {
            const cleanup last([&] { sleep(50ms); });
            suspend();
          }));
          testing::settle();
        }
        log.at("joined");
        checkpoint();
        log("never");
      });
      sleep(10ms);
      CHECK(owner.stop());
      CHECK(owner.outcome().stopped());
    });
    CHECK(log == trace{"joined@50"});
  }

  TEST_CASE("S-26: dropping a handle changes nothing") {
    trace log;
    testing::run([&] {
      {
        const auto f = spin([&] {
          sleep(10ms);
          log.at("x");
        });
      }
      sleep(20ms);
    });
    CHECK(log == trace{"x@10"});
  }

  TEST_CASE("S-31: leaving the main fiber stops everything") {
    trace log;
    testing::run([&] {
      spin([&] {
        const cleanup last([&] { log("d"); });
        suspend();
      });
      testing::settle();
    });
    log("returned");
    CHECK(log == trace{"d", "returned"});
  }

  TEST_CASE("S-32: who awaits a stopped fiber without a result goes on") {
    trace log;
    testing::run([&] {
      fiber<> f2;
      const auto f1 = spin([&] {
        f2 = spin([] { suspend(); });
        f2.await();
        log("next");
      });
      testing::settle();
      CHECK(f2.stop());
      testing::settle();
      CHECK(log == trace{"next"});
      f1.await();
    });
  }

  TEST_CASE("children are listed oldest first, and know their parent") {
    testing::run([] {
      const auto a = spin({.name = "a"}, [] { suspend(); });
      const auto b = spin({.name = "b"}, [] { suspend(); });
      const auto children = this_fiber::self().children();
      REQUIRE(children.size() == 2);
      CHECK(children[0] == a);
      CHECK(children[1] == b);
      CHECK(a.parent() == this_fiber::self());
      CHECK_FALSE(this_fiber::self().parent());
    });
  }
}

TEST_SUITE("children: errors") {
  TEST_CASE("S-16: a child's error can be caught at the parent's current point") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        spin([] { throw trouble("foo"); });
        try {
          suspend();
        } catch (const trouble& x) {
          log(x.what());
        }
        sleep(1ms);
        log.at("on");
      });
      p.await();
    });
    CHECK(log == trace{"foo", "on@1"});
  }

  TEST_CASE("S-17: a shield delays a child's error") {
    trace log;
    testing::run([&] {
      const auto p = spin([&] {
        spin([] { throw trouble("foo"); });
        shield([] { sleep(50ms); });
        try {
          checkpoint();
          log("never");
        } catch (const trouble&) {
          log.at("foo");
        }
      });
      p.await();
    });
    CHECK(log == trace{"foo@50"});
  }

  TEST_CASE("S-18: a child's error is thrown once, even if awaited") {
    trace log;
    testing::run([&] {
      const auto c = spin([] {
        sleep(10ms);
        throw trouble();
      });
      try {
        c.await();
      } catch (const trouble&) {
        log("1");
      }
      sleep(10ms);
      log.at("ok");
    });
    CHECK(log == trace{"1", "ok@20"});
  }

  TEST_CASE("S-18: joining a child takes back its error while that is on its way") {
    trace log;
    testing::run([&] {
      const auto c = spin([] { throw trouble(); });
      testing::settle();
      CHECK(c.done());
      try {
        c.await();
      } catch (const trouble&) {
        log("awaited");
      }
      checkpoint();
      log("once");
    });
    CHECK(log == trace{"awaited", "once"});
  }

  TEST_CASE("S-20: an error climbs two levels, and names the fiber in which it arose") {
    trace log;
    testing::run([&] {
      fiber<> grandchild;
      spin([&] {
        grandchild = spin([] { throw trouble("deep"); });
        spin([&] {
          const cleanup last([&] { log("c2"); });
          suspend();
        });
        suspend();
      });
      try {
        suspend();
      } catch (const trouble& x) {
        log(x.what());
        CHECK(source_of(x) == grandchild);
      }
    });
    CHECK(log == trace{"c2", "deep"});
  }

  TEST_CASE("an error that a child ends with after its parent's body makes that fail") {
    testing::run([] {
      const auto p = spin([] {
        spin([] {
          try {
            suspend();
          } catch (const cancelled&) {
            throw trouble("late");
          }
        });
        testing::settle();
        return 1;
      });
      CHECK_THROWS_WITH_AS(p.await(), "late", trouble);
      CHECK_FALSE(p.outcome().has_value());
    });
  }

  TEST_CASE("an exception that was raised and not thrown is kept in the cause only") {
    testing::run([] {
      const auto f = spin([] {
        shield([] { sleep(10ms); });
        return 1;
      });
      testing::settle();
      CHECK(f.raise(trouble()));
      const auto e = f.outcome();
      CHECK(e.value() == 1);
      CHECK(e.cause().contains<trouble>());
      checkpoint();
    });
  }

  TEST_CASE("R11: what a destructor of a capture spins ends with the fiber, unrun") {
    struct spinner {
      fiber_ref* child;
      explicit spinner(fiber_ref& to) noexcept : child(&to) {}
      spinner(spinner&& other) noexcept : child(std::exchange(other.child, nullptr)) {}
      spinner(const spinner&) = delete;
      spinner& operator=(const spinner&) = delete;
      ~spinner() {
        if (child != nullptr) *child = spin([] { FAIL("nobody would wait for it"); });
      }
    };
    testing::run([] {
      fiber_ref child;
      const auto f = spin([own = spinner(child)] { (void)own; });
      f.await();
      REQUIRE(child);
      CHECK(child.done());
    });
  }
}

}  // namespace
}  // namespace motet
