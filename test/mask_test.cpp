// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;

const char* now_masking() {
  switch (this_fiber::masking()) {
    case masking_state::open:
      return "open";
    case masking_state::masked:
      return "masked";
    case masking_state::shielded:
      return "shielded";
  }
  return "?";
}

TEST_SUITE("masks") {
  TEST_CASE("M-08: a shield with a grace ends when that is over") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        CHECK(outer.cancel());
        const bool done = shield(500ms, [&] {
          sleep(10s);
          log("never");
        });
        CHECK_FALSE(done);
        log.at("g");
        checkpoint();
        log("never");
      });
      log("after");
    });
    CHECK(log == trace{"g@500", "after"});
  }

  TEST_CASE("M-08: a shield with a grace returns what its block does") {
    testing::run([] {
      CHECK(shield(500ms, [] { return 7; }) == std::optional{7});
      CHECK(shield(500ms, [] {}));
      CHECK_FALSE(shield(1ms, [] {
        sleep(1s);
        return 7;
      }));
      CHECK_THROWS_AS(shield(1s, [] { throw trouble("own"); }), const trouble&);
    });
  }

  TEST_CASE("M-08: restore works in a shield with a grace") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        (void)shield(1s, [&](auto restore) {
          sleep(50ms);
          log.at("held");
          restore([&] { log("never"); });
        });
        log("never");
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"held@50"});
  }

  TEST_CASE("M-10: in a mask only what really parks throws") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        mask([&] {
          CHECK(this_fiber::self().stop());
          this_fiber::self() << 1;
          checkpoint();
          yield();
          log("1");
          CHECK(receive<int>() == 1);
          log("2");
          try {
            (void)receive<int>();
            log("never");
          } catch (const cancelled&) {
            log("3");
          }
          sleep(0s);
          log("4");
        });
        log("5");
        checkpoint();
        log("never");
      });
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"1", "2", "3", "4", "5"});
  }

  TEST_CASE("M-10: a masked fiber that is parked already is woken by a request") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        mask([&] {
          try {
            sleep(1h);
          } catch (const cancelled&) {
            log.at("woken");
            throw;
          }
        });
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"woken@0"});
  }

  TEST_CASE("M-10: a raised exception, too, waits for a masked fiber to park") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        mask([&] {
          CHECK(this_fiber::self().raise(trouble("t")));
          checkpoint();
          log("on");
          try {
            sleep(1s);
          } catch (const trouble&) {
            log.at("caught");
          }
        });
      });
      f.await();
    });
    CHECK(log == trace{"on", "caught@0"});
  }

  TEST_CASE("M-10: leaving a scope is no point in a mask either") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        mask([&] {
          with_scope([&](scope& s) {
            s.spin([&] {
              sleep(50ms);
              log.at("child");
            });
            yield();
            shield([&] { CHECK(this_fiber::self().raise(trouble("t"))); });
          });
          log("left");
        });
      });
      const auto e = f.outcome();
      CHECK(e.has_value());
      CHECK(e.cause().contains<trouble>());
    });
    CHECK(log == trace{"child@50", "left"});
  }

  TEST_CASE("M-17: masking tells the level, and each block puts the last one back") {
    trace log;
    testing::run([&] {
      log(now_masking());
      mask([&](auto unmask) {
        log(now_masking());
        unmask([&] { log(now_masking()); });
        shield([&](auto restore) {
          log(now_masking());
          restore([&] {
            log(now_masking());
            unmask([&] { log(now_masking()); });
          });
          mask([&] { log(now_masking()); });
          log(now_masking());
        });
        try {
          shield([&] { throw trouble("t"); });
        } catch (const trouble&) {
          log(now_masking());
        }
        try {
          unmask([&] { throw trouble("t"); });
        } catch (const trouble&) {
          log(now_masking());
        }
      });
      try {
        mask([&] { throw trouble("t"); });
      } catch (const trouble&) {
        log(now_masking());
      }
      try {
        const finally last([&] { log(now_masking()); });
        throw trouble("t");
      } catch (const trouble&) {
        log(now_masking());
      }
    });
    CHECK(log == trace{"open", "masked", "open", "shielded", "masked", "open", "shielded",
                       "shielded", "masked", "masked", "open", "shielded", "open"});
  }

  TEST_CASE("M-17: a fiber spun in a mask or shield starts open") {
    trace log;
    testing::run([&] {
      shield([&] { mask([&] { spin([&] { log(now_masking()); }).await(); }); });
    });
    CHECK(log == trace{"open"});
  }

  TEST_CASE("M-23: allow_cancel is a hole in a shield") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&] {
          log("1");
          CHECK(this_fiber::self().stop());
          checkpoint();
          log("2");
          allow_cancel();
          log("never");
        });
      });
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"1", "2"});
  }

  TEST_CASE("M-23: allow_cancel opens one level only, and none from a scope inside") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&] {
          CHECK(this_fiber::self().stop());
          shield([&] { allow_cancel(); });
          log("two shields");
          with_scope([&](scope&) { allow_cancel(); });
          log("a scope");
          mask([&] { allow_cancel(); });
          log("a mask");
        });
        allow_cancel();
        log("never");
      });
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"two shields", "a scope", "a mask"});
  }
}

}  // namespace
}  // namespace motet
