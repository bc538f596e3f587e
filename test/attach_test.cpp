// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

namespace motet {
namespace {

using test::fails_after;
using test::thrown_by;
using test::trace;
using test::trouble;

/// A body that waits to be stopped, and says by whose end or request it was.
auto says_when_stopped(trace& log, const char* name) {
  return [&log, name] {
    try {
      suspend();
    } catch (const cancelled&) {
      log.at(name);
      throw;
    }
  };
}

TEST_SUITE("attach_to") {
  TEST_CASE("S-30: a child that was attached elsewhere outlives its old parent") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber<> f1 = spin([&] {
        c = spin([&] {
          sleep(20ms);
          throw trouble("c");
        });
        sleep(10ms);
      });
      const fiber<> f2 = spin([&] {
        try {
          suspend();
        } catch (const trouble& t) {
          log.at(t.what());
        }
      });
      testing::settle();
      CHECK(c.attach_to(f2));
      CHECK(c.parent() == f2);
      CHECK(f1.children().empty());
      REQUIRE(f2.children().size() == 1);
      f1.await();
      log.at("f1");
      CHECK(!c.done());
      f2.await();
    });
    CHECK(log == trace{"f1@10", "c@20"});
  }

  TEST_CASE("it ends with its new parent, which waits for it") {
    trace log;
    testing::run([&] {
      const fiber<> c = spin([&] {
        try {
          suspend();
        } catch (const cancelled& why) {
          CHECK(why.reason().kind == cancel_kind::parent);
          shield([] { sleep(10ms); });
          log.at("c");
          throw;
        }
      });
      const fiber<> f = spin([] { sleep(10ms); });
      testing::settle();
      CHECK(c.attach_to(f));
      f.await();
      log.at("f");
    });
    CHECK(log == trace{"c@20", "f@20"});
  }

  TEST_CASE("it goes to the end of the new parent's own children") {
    testing::run([&] {
      fiber<> inner;
      const fiber<> f = spin([&] {
        const fiber<> first = spin([] { suspend(); });
        with_scope([&](scope& s) {
          inner = s.spin([] { suspend(); });
          suspend();
        });
      });
      const fiber<> c = spin([] { suspend(); });
      testing::settle();
      CHECK(c.attach_to(f));
      REQUIRE(f.children().size() == 3);
      CHECK(f.children()[1] == c);
      CHECK(f.children()[2] == inner);
    });
  }

  TEST_CASE("a scope no longer waits for one that was attached elsewhere") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([&] {
        try {
          suspend();
        } catch (const trouble& t) {
          log.at(t.what());
        }
      });
      with_scope([&](scope& s) {
        const fiber<> stays = s.spin([&] {
          sleep(10ms);
          log.at("stays");
        });
        const fiber<> goes = s.spin(fails_after(30ms, "goes"));
        const fiber<> daemon = s.spin_daemon(says_when_stopped(log, "daemon"));
        CHECK(goes.attach_to(f));
        CHECK(daemon.attach_to(f));
        CHECK(s.size() == 1);
      });
      log.at("left");
      f.await();
      log.at("f");
    });
    CHECK(log == trace{"stays@10", "left@10", "goes@30", "daemon@30", "f@30"});
  }

  TEST_CASE("a scope that waits for nobody else is left at once") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber<> waits = spin([&] {
        with_scope([&](scope& s) { c = s.spin([] { sleep(1s); }); });
        log.at("left");
      });
      const fiber<> adopts = spin([] { suspend(); });
      sleep(10ms);
      CHECK(c.attach_to(adopts));
      waits.await();
      CHECK(!c.done());
      adopts.stop();
    });
    CHECK(log == trace{"left@10"});
  }

  TEST_CASE("a fiber that waits for its last child to end goes on") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber<> f = spin([&] {
        c = spin([&] {
          shield([] { sleep(20ms); });
          log.at("c");
          checkpoint();
          log("goes on");
        });
        testing::settle();
      });
      testing::settle();
      CHECK(c.attach_to(this_fiber::self()));
      f.await();
      log.at("f");
      c.await();
    });
    // It did not hear that its old parent had ended: it was shielded.
    CHECK(log == trace{"f@0", "c@20", "goes on"});
  }

  TEST_CASE("what it heard before goes with it: a wait that was cut short has to throw") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber<> f = spin([&] {
        c = spin([&] {
          try {
            sleep(1h);
            log("woken early");
          } catch (const cancelled&) {
            log("c");
            throw;
          }
        });
        suspend();
      });
      testing::settle();
      f.stop("enough");
      CHECK(c.attach_to(this_fiber::self()));
      const auto end = c.outcome();
      CHECK(end.stopped());
      CHECK(end.reason().kind == cancel_kind::parent);
      CHECK(end.reason().message == "enough");
    });
    CHECK(log == trace{"c"});
  }

  TEST_CASE("the same holds for what lives in it") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber<> f = spin([&] {
        c = spin([&] {
          spin([&] {
            sleep(1h);
            log("woken early");
          });
          shield([] { sleep(20ms); });
          checkpoint();
          log("never");
        });
        suspend();
      });
      testing::settle();
      f.stop();
      CHECK(c.attach_to(this_fiber::self()));
      CHECK(c.outcome().stopped());
      log.at("end");
    });
    CHECK(log == trace{"end@20"});
  }

  TEST_CASE("one that was not started yet is saved from its old parent's end") {
    trace log;
    testing::run([&] {
      fiber<> c;
      const fiber_ref main = this_fiber::self();
      const fiber<> f = spin([&] {
        this_fiber::self().stop();
        c = spin([&] { log("runs"); });
        c.attach_to(main);
      });
      f.await();
      c.await();
    });
    CHECK(log == trace{"runs"});
  }

  TEST_CASE("a fiber can go elsewhere by itself, away from a parent that is stopped") {
    trace log;
    testing::run([&] {
      const fiber_ref main = this_fiber::self();
      fiber<> c;
      const fiber<> f = spin([&] {
        c = spin([&] {
          try {
            suspend();
          } catch (const cancelled&) {
            this_fiber::self().attach_to(main);
          }
          checkpoint();
          log("free");
        });
        suspend();
      });
      testing::settle();
      f.stop();
      c.await();
    });
    CHECK(log == trace{"free"});
  }

  TEST_CASE("a request that the new parent was given reaches it at once") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          shield([] { sleep(50ms); });
          throw;
        }
      });
      const fiber<> c = spin([&] {
        const fiber<> grandchild = spin(says_when_stopped(log, "grandchild"));
        says_when_stopped(log, "c")();
      });
      testing::settle();
      f.stop();
      sleep(10ms);
      CHECK(c.attach_to(f));
      sleep(1ms);
      CHECK(c.done());
      CHECK(!f.done());
    });
    CHECK(log == trace{"grandchild@10", "c@10"});
  }

  TEST_CASE("deadlines of the new parent count") {
    trace log;
    testing::run([&] {
      const fiber<> c = spin([&] {
        for (;;)
          yield();
      });
      const fiber<bool> f = spin([&] {
        return move_on_after(10ms, [&] {
          with_scope([&](scope& s) {
            const fiber<> holder = s.spin([] { suspend(); });
            yield();
            CHECK(c.attach_to(holder));
            testing::busy(20ms);
          });
        });
      });
      CHECK(!f.await());
      CHECK(c.done());
    });
  }

  TEST_CASE("a daemon can be given a parent, and a child be taken into main") {
    trace log;
    testing::run([&] {
      const fiber<> daemon = spin_daemon(says_when_stopped(log, "daemon"));
      const fiber<> f = spin([] { sleep(10ms); });
      testing::settle();
      CHECK(daemon.attach_to(f));
      f.await();
      log.at("f");
    });
    CHECK(log == trace{"daemon@10", "f@10"});
  }

  TEST_CASE("an error goes to whoever awaits it, not to the new parent too") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([] { sleep(20ms); });
      const fiber<> c = spin(fails_after(10ms, "c"));
      CHECK(c.attach_to(f));
      log.at(thrown_by([&] { c.await(); }));
      f.await();
      log.at("f");
    });
    CHECK(log == trace{"c@10", "f@20"});
  }

  TEST_CASE(
      "a fiber that is being started may go elsewhere: its error is the starter's") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([] { sleep(20ms); });
      with_scope([&](scope& s) {
        log.at(thrown_by([&] {
          s.spin_ready([&](auto&) {
            this_fiber::self().attach_to(f);
            sleep(10ms);
            throw trouble("start");
          });
        }));
      });
      f.await();
      log.at("f");
    });
    CHECK(log == trace{"start@10", "f@20"});
  }
}

}  // namespace
}  // namespace motet
