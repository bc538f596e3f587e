// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;
using test::trouble_1;
using test::trouble_2;

/// `log("x")` if a `cancelled` passes, which goes on.
template <class F>
void log_cancelled(trace& log, const char* what, F&& f) {
  try {
    f();
  } catch (const cancelled&) {
    log(what);
    throw;
  }
}

TEST_SUITE("shields: what gets in") {
  TEST_CASE("M-01: a shield only delays a stop") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&] {
          log("a");
          sleep(50ms);
          log.at("b");
        });
        checkpoint();
        log("never");
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
      log.at("c");
    });
    CHECK(log == trace{"a", "b@50", "c@50"});
  }

  TEST_CASE("M-04: a shield keeps out what is outside of it, not what is inside") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        CHECK(outer.cancel());
        shield([&] {
          checkpoint();
          with_scope([&](scope& in) {
            CHECK(in.cancel());
            log_cancelled(log, "x", [] { checkpoint(); });
            log("never");
          });
          checkpoint();
          log("y");
        });
      });
      log("out");
    });
    CHECK(log == trace{"x", "y", "out"});
  }

  TEST_CASE("M-05: deadlines work inside a shield of what is cancelled") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        CHECK(outer.cancel());
        shield([&] {
          const bool done = move_on_after(100ms, [] { suspend(); });
          log.at(done ? "done" : "expired");
        });
      });
    });
    CHECK(log == trace{"expired@100"});
  }

  TEST_CASE("M-06: a shield inside a timeout delays it, and then its value wins") {
    trace log;
    testing::run([&] {
      const int r = cancel_after(100ms, [] {
        return shield([] {
          sleep(300ms);
          return 1;
        });
      });
      log.at(r);
      checkpoint();
      log("ok");
    });
    CHECK(log == trace{"1@300", "ok"});
  }

  TEST_CASE("M-07: a timeout held off by a shield comes at the next point") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(100ms, [&] {
          shield([] { sleep(300ms); });
          checkpoint();
          log("never");
        });
      } catch (const timeout_error&) {
        log.at("timeout");
      }
    });
    CHECK(log == trace{"timeout@300"});
  }

  TEST_CASE("M-21: exceptions queue up behind a shield and come one per point") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([] { sleep(50ms); });
        try {
          checkpoint();
        } catch (const trouble_1&) {
          log.at("1");
        }
        try {
          checkpoint();
        } catch (const trouble_2&) {
          log("2");
        }
        checkpoint();
        log("on");
      });
      sleep(10ms);
      CHECK(f.raise(trouble_1()));
      CHECK(f.raise(trouble_2()));
      f.await();
    });
    CHECK(log == trace{"1@50", "2", "on"});
  }

  TEST_CASE("M-24: a shield in a shield ends only itself") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&] {
          shield([] { sleep(5ms); });
          sleep(5ms);
          log.at("x");
        });
        checkpoint();
        log("never");
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"x@10"});
  }

  TEST_CASE("entering and leaving a shield is no point") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        CHECK(shield([] { return 7; }) == 7);
        log("through");
        checkpoint();
        log("never");
      });
    });
    CHECK(log == trace{"through"});
  }

  TEST_CASE("a shield that is left by an exception is open again") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        try {
          shield([] { throw trouble("inside"); });
        } catch (const trouble& e) {
          log(e.what());
        }
        CHECK(this_fiber::cancel_pending());
        log_cancelled(log, "cancelled", [] { checkpoint(); });
        log("never");
      });
    });
    CHECK(log == trace{"inside", "cancelled"});
  }

  TEST_CASE("M-15: a shielded fiber sees no request, others do") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&] {
          sleep(10ms);
          log(this_fiber::cancel_pending());
          sleep(10ms);
        });
        log(this_fiber::cancel_pending());
      });
      testing::settle();
      CHECK(f.stop());
      sleep(15ms);
      log(f.cancel_requested());
      CHECK(f.outcome().cancel_requested());
    });
    CHECK(log == trace{"false", "true", "true"});
  }
}

TEST_SUITE("shields: handlers and destructors") {
  TEST_CASE("M-18: a catch block is not shielded") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        try {
          checkpoint();
        } catch (const cancelled&) {
          try {
            checkpoint();
          } catch (const cancelled&) {
            log("2");
          }
          throw;
        }
      });
    });
    CHECK(log == trace{"2"});
  }

  TEST_CASE("M-19 (R8): a destructor that runs during unwinding is shielded by itself") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(50ms);
          log.at("d");
          yield();
          checkpoint();
          log("e");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      log.at("i");
    });
    CHECK(log == trace{"d@50", "e", "i@50"});
  }

  TEST_CASE("R8: exceptions raised during unwinding do not get into destructors") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(50ms);
          log.at("cleaned");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.stop());
      sleep(10ms);
      CHECK(f.raise(trouble()));
      const auto e = f.outcome();
      CHECK(e.stopped());
      CHECK(e.cause().contains<trouble>());
    });
    CHECK(log == trace{"cleaned@50"});
  }

  TEST_CASE("R8: fibers of a scope that a destructor opens are out of harm's way") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          with_scope([&](scope& s) {
            s.spin([&] {
              sleep(10ms);
              log.at("helper");
            });
          });
          log.at("cleaned");
        });
        suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
    });
    CHECK(log == trace{"helper@10", "cleaned@10"});
  }

  TEST_CASE("R8: a destructor during the unwinding of an error is shielded, too") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(20ms);
          log.at("cleaned");
        });
        throw trouble();
      });
      testing::settle();
      CHECK(f.stop());
      const auto e = f.outcome();
      CHECK(e.failed());
      CHECK(e.cancel_requested());
    });
    CHECK(log == trace{"cleaned@20"});
  }

  TEST_CASE("M-13: a fiber spun in a shield starts open") {
    trace log;
    testing::run([&] {
      shield([&] {
        const auto c = spin([] { suspend(); });
        testing::settle();
        CHECK(c.interrupt().stopped());
        log.at("x");
      });
    });
    CHECK(log == trace{"x@0"});
  }

  TEST_CASE("R9: a fiber of a cancelled fiber never runs, even if spun in a shield") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          suspend();
        } catch (const cancelled&) {
          shield([&] {
            const auto c = spin([&] { log("never"); });
            CHECK(c.outcome().stopped());
            log("joined");
          });
          throw;
        }
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
    });
    CHECK(log == trace{"joined"});
  }

  TEST_CASE("M-27: fibers of a scope in a shield are shielded, but not from their own") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& outer) {
        CHECK(outer.cancel());
        shield([&] {
          with_scope([&](scope& s) {
            s.spin([&] {
              sleep(50ms);
              log.at("a");
            });
            const auto b = s.spin([] { suspend(); });
            testing::settle();
            CHECK(b.interrupt().stopped());
            log.at("b");
          });
        });
      });
    });
    CHECK(log == trace{"b@0", "a@50"});
  }
}

}  // namespace
}  // namespace motet
