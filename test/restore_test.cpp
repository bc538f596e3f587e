// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("restore") {
  TEST_CASE("M-02: opening the shield again delivers what is pending") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&](auto restore) {
          log("1");
          sleep(50ms);
          restore([&] {
            checkpoint();
            log("never");
          });
          log("never");
        });
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
      log.at("stopped");
    });
    CHECK(log == trace{"1", "stopped@50"});
  }

  TEST_CASE("M-03: the shield is closed again after a restored block") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&](auto restore) {
          restore([&] { log("1"); });
          sleep(50ms);
          log.at("2");
        });
        checkpoint();
        log("never");
      });
      sleep(10ms);
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"1", "2@50"});
  }

  TEST_CASE("M-11: restore works in its own fiber only") {
    trace log;
    testing::run([&] {
      shield([&](auto restore) {
        const auto c = spin([&] { restore([&] { log("never"); }); });
        const auto e = c.outcome();
        REQUIRE(e.failed());
        CHECK_THROWS_AS(std::rethrow_exception(e.error()), const structure_error&);
        // The other fiber never was in this shield.
        const auto d = spin([&] {
          try {
            restore([] {});
          } catch (const structure_error&) {
          }
          suspend();
        });
        testing::settle();
        CHECK(d.interrupt().stopped());
        log.at("end");
      });
    });
    CHECK(log == trace{"end@0"});
  }

  TEST_CASE("M-22: shielded, restored, shielded: each holds for its own block") {
    int c = 0;
    testing::run([&] {
      trace log;
      const auto f = spin([&] {
        shield([&](auto restore) {
          ++c;
          restore([&] {
            shield([&] {
              sleep(10ms);
              ++c;
            });
            checkpoint();
            ++c;
          });
          ++c;
        });
      });
      sleep(5ms);
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
      log.at("stopped");
      CHECK(log == trace{"stopped@10"});
    });
    CHECK(c == 2);
  }

  TEST_CASE("restore is a point on entry") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        shield([&](auto restore) {
          try {
            restore([&] { log("never"); });
          } catch (const cancelled&) {
            log("entry");
          }
          checkpoint();  // closed again
          log("shielded");
        });
      });
    });
    CHECK(log == trace{"entry", "shielded"});
  }

  TEST_CASE("a restored block returns its value") {
    testing::run([] {
      const int r = shield([](auto restore) { return restore([] { return 5; }) + 1; });
      CHECK(r == 6);
    });
  }

  TEST_CASE("restore re-opens one level only") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        shield([&](auto outer) {
          shield([&](auto inner) {
            inner([&] {
              checkpoint();  // the outer shield still holds
              log("one");
            });
          });
          outer([&] { log("never"); });
        });
      });
    });
    CHECK(log == trace{"one"});
  }

  TEST_CASE("restore in a further shield runs its block and opens nothing") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        shield([&](auto outer) {
          shield([&] {
            outer([&] {
              checkpoint();
              log("closed");
            });
          });
        });
      });
    });
    CHECK(log == trace{"closed"});
  }

  TEST_CASE("restore in a further scope runs its block and opens nothing") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        shield([&](auto restore) {
          with_scope([&](scope&) {
            restore([&] {
              checkpoint();
              log("closed");
            });
          });
          move_on_after(1s, [&] {
            restore([&] {
              checkpoint();
              log("closed");
            });
          });
        });
      });
    });
    CHECK(log == trace{"closed", "closed"});
  }

  TEST_CASE("a restored block left by an exception closes the shield again") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&](auto restore) {
          try {
            restore([] {
              sleep(10ms);
              throw trouble();
            });
          } catch (const trouble&) {
            log.at("caught");
          }
          sleep(10ms);
          log.at("shielded");
        });
        checkpoint();
        log("never");
      });
      sleep(10ms);
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"caught@10", "shielded@20"});
  }

  TEST_CASE("a stop gets into a restored block that is parked") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&](auto restore) {
          try {
            restore([] { suspend(); });
          } catch (const cancelled&) {
            log.at("in");
            sleep(10ms);
            log.at("shielded");
            throw;
          }
        });
      });
      sleep(10ms);
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"in@10", "shielded@20"});
  }

  TEST_CASE("an exception gets into a restored block, and not behind it") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        shield([&](auto restore) {
          sleep(10ms);
          try {
            restore([&] { log("never"); });
          } catch (const trouble&) {
            log.at("in");
          }
        });
      });
      testing::settle();
      CHECK(f.raise(trouble()));
      f.await();
    });
    CHECK(log == trace{"in@10"});
  }

  TEST_CASE("R8: restore opens nothing in a destructor that runs during unwinding") {
    trace log;
    struct opens_again {
      trace& log;
      ~opens_again() {
        shield([&](auto restore) {
          restore([&] {
            sleep(10ms);
            log.at("closed");
          });
        });
      }
    };
    testing::run([&] {
      const auto f = spin([&] {
        const opens_again last{log};
        suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
    });
    CHECK(log == trace{"closed@10"});
  }
}

}  // namespace
}  // namespace motet
