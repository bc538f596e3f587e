// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <stop_token>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

TEST_SUITE("nesting") {
  TEST_CASE("N-01: the outer timeout is shorter") {
    trace log;
    testing::run([&] {
      log.at(move_on_after(100ms, 1, [&] {
        const int inner = move_on_after(300ms, 2, [&] {
          sleep(1000ms);
          log("never");
          return 0;
        });
        log("never");
        return inner;
      }));
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"1@100"});
  }

  TEST_CASE("N-02: the inner timeout is shorter") {
    trace log;
    testing::run([&] {
      log.at(move_on_after(500ms, 1, [&] {
        return move_on_after(100ms, 2, [&] {
          sleep(1000ms);
          log("never");
          return 0;
        });
      }));
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"2@100"});
  }

  TEST_CASE("N-03 (R6): of timeouts that expire together the outermost absorbs") {
    trace log;
    testing::run([&] {
      bool both = false;
      try {
        cancel_at(time_point{10ms}, [&](timeout& outer) {
          try {
            cancel_at(time_point{10ms}, [&](timeout& inner) {
              const cleanup last([&] { both = outer.fired() && inner.fired(); });
              sleep(100ms);
            });
          } catch (const timeout_error&) {
            log("never");
          } catch (const cancelled&) {
            log.at("c");
            throw;
          }
        });
      } catch (const timeout_error&) {
        log.at("t");
      }
      CHECK(both);
      CHECK(testing::armed_timers() == 0);
      checkpoint();
    });
    CHECK(log == trace{"c@10", "t@10"});
  }

  TEST_CASE("N-05: the inner timeout is longer, and the outer is over before it parks") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(2ms, [&] {
          try {
            cancel_after(100ms, [&] {
              testing::busy(10ms);
              sleep(1000ms);
              log("never");
            });
          } catch (const timeout_error&) {
            log("never");
          }
        });
      } catch (const timeout_error& e) {
        log.at(e.duration() / 1ms);
      }
      checkpoint();
    });
    CHECK(log == trace{"2@10"});
  }

  TEST_CASE("N-06 (R6): of three scopes the outermost that is cancelled absorbs") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s1) {
        with_scope([&](scope& s2) {
          with_scope([&](scope& s3) {
            CHECK(s3.cancel());
            CHECK(s2.cancel());
            CHECK_FALSE(s3.cancel());
            suspend();
          });
          log("never");
        });
        log("after2");
        checkpoint();
        CHECK(s1.cancel());  // so it was not, until now
      });
      log("after1");
    });
    CHECK(log == trace{"after2", "after1"});
  }

  TEST_CASE("N-07 (R6): an outer scope is cancelled while the inner one unwinds") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s1) {
        with_scope([&](scope& s2) {
          const cleanup last([&] { s1.cancel(); });
          s2.cancel();
          checkpoint();
        });
        log("never");
      });
      log("out");
      checkpoint();
    });
    CHECK(log == trace{"out"});
  }

  TEST_CASE("N-08 (R8): a timeout in a destructor that runs while unwinding") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(10ms, [&] {
          const cleanup last([&] {
            try {
              cancel_after(10ms, [] { sleep(100ms); });
              log("never");
            } catch (const timeout_error&) {
              log.at("inner");
            }
          });
          sleep(1000ms);
        });
      } catch (const timeout_error&) {
        log.at("outer");
      }
    });
    CHECK(log == trace{"inner@20", "outer@20"});
  }

  TEST_CASE("N-08: a timeout in a destructor while an error unwinds the only fiber") {
    trace log;
    testing::run([&] {
      try {
        const cleanup last([&] {
          move_on_after(10ms, [] { sleep(100ms); });
          log.at("inner");
        });
        throw trouble();
      } catch (const trouble&) {
        log.at("outer");
      }
    });
    CHECK(log == trace{"inner@10", "outer@10"});
  }

  TEST_CASE("N-09: catch bodies are not masked, and a shield makes them work") {
    trace log;
    testing::run([&] {
      const auto outer = [&] {
        cancel_after(10ms, [&] {
          try {
            sleep(1000ms);
          } catch (const cancelled&) {
            try {
              cancel_after(10ms, [] { sleep(1ms); });
              log("never");
            } catch (const timeout_error&) {
              log("never");
            } catch (const cancelled&) {
              log.at("refired");
            }
            shield([&] {
              try {
                cancel_after(10ms, [] { sleep(100ms); });
                log("never");
              } catch (const timeout_error&) {
                log.at("t");
              }
            });
            throw;
          }
        });
      };
      CHECK_THROWS_AS(outer(), timeout_error);
      log.at("out");
    });
    CHECK(log == trace{"refired@10", "t@20", "out@20"});
  }

  TEST_CASE("N-10: an inner handler does not get the outer timeout's error") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(100ms, [&] {
          try {
            cancel_after(500ms, [] { suspend(); });
          } catch (const timeout_error&) {
            log("never");
          }
          log("never");
        });
      } catch (const timeout_error& e) {
        log.at("outer");
        CHECK(e.duration() == 100ms);
      }
    });
    CHECK(log == trace{"outer@100"});
  }

  TEST_CASE("N-11: nor that of its own type") {
    trace log;
    testing::run([&] {
      try {
        cancel_after(100ms, with_exception<trouble>("outer"), [&] {
          try {
            cancel_after(500ms, with_exception<trouble>("inner"), [] { suspend(); });
          } catch (const trouble&) {
            log("never");
          }
          log("never");
        });
      } catch (const trouble& e) {
        log.at(e.what());
      }
    });
    CHECK(log == trace{"outer@100"});
  }

  TEST_CASE("N-12: the inner timeout is over, and the outer block goes on") {
    trace log;
    testing::run([&] {
      const auto o = move_on_after(1000ms, [&] {
        const auto r = move_on_after(100ms, []() -> int { suspend(); });
        log.at(r.has_value());
        sleep(10ms);
        return 3;
      });
      log.at(o.value());
    });
    CHECK(log == trace{"false@100", "3@110"});
  }

  TEST_CASE("N-14: a token that was stopped before cancels at the first point") {
    trace log;
    testing::run([&] {
      std::stop_source source;
      source.request_stop();
      CHECK_FALSE(cancel_on(source.get_token(), [&] {
        log("in");
        try {
          checkpoint();
        } catch (const cancelled& c) {
          log(to_string(c.reason().kind));
          throw;
        }
        log("never");
      }));
      checkpoint();
    });
    CHECK(log == trace{"in", "stop token"});
  }

  TEST_CASE("N-14: a token that is stopped later cancels the block and what it spun") {
    trace log;
    testing::run([&] {
      std::stop_source source;
      spin([&] {
        sleep(10ms);
        source.request_stop();
      });
      const auto r = cancel_on(source.get_token(), [&]() -> int {
        const cleanup last([&] { log.at("left"); });
        suspend();
      });
      CHECK_FALSE(r.has_value());
      CHECK(cancel_on(source.get_token(), [] { return 5; }) == std::optional(5));
      std::stop_source never;
      CHECK(cancel_on(never.get_token(), [] { sleep(10ms); }));
      never.request_stop();  // the block has been left
      checkpoint();
      log.at("out");
    });
    CHECK(log == trace{"left@10", "out@20"});
  }

  TEST_CASE("N-15: a scope_ref does nothing once its scope has been left") {
    testing::run([] {
      scope_ref ref;
      CHECK_FALSE(ref.cancel());
      const void* place = nullptr;
      bool same_place = false;
      for (int round = 0; round < 2; ++round) {
        with_scope([&](scope& s) {
          if (round == 0) {
            ref = s.ref();
            place = &s;
            return;
          }
          same_place = place == &s;
          CHECK_FALSE(ref.cancel());
          checkpoint();
          CHECK(s.ref().cancel());
          CHECK_FALSE(s.ref().cancel());
          CHECK_THROWS_AS(checkpoint(), cancelled);
        });
      }
      CHECK(same_place);
      CHECK_FALSE(ref.cancel());
    });
  }

  TEST_CASE("N-15: a scope_ref outlives the fiber of its scope") {
    testing::run([] {
      scope_ref ref;
      const auto f = spin([&] { with_scope([&](scope& s) { ref = s.ref(); }); });
      f.await();
      CHECK_FALSE(ref.cancel());
    });
  }

  TEST_CASE("N-16: a stop from outside comes while an inner timeout unwinds") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        move_on_after(10ms, [&] {
          const cleanup last([&] {
            sleep(100ms);
            log.at("cleaned");
          });
          suspend();
        });
        log("never");
      });
      sleep(50ms);
      CHECK(f.stop("outer"));
      const auto e = f.outcome();
      log.at("stopped");
      CHECK(e.stopped());
      CHECK(e.reason().kind == cancel_kind::stop);
      CHECK(e.reason().message == "outer");
    });
    CHECK(log == trace{"cleaned@110", "stopped@110"});
  }
}

}  // namespace
}  // namespace motet
