// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::fails_after;
using test::thrown_by;
using test::trace;
using test::trouble;

TEST_SUITE("scopes: finalizers") {
  TEST_CASE("S-21: finalizers run last-in first-out, all of them, and all errors count") {
    trace log;
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([&] {
        with_scope([&](scope& s) {
          s.on_exit([&] {
            log("1");
            throw trouble("F1");
          });
          s.on_exit([&] { log("2"); });
          s.on_exit([&] {
            log("3");
            throw trouble("F3");
          });
        });
      });
    });
    CHECK(log == trace{"3", "2", "1"});
    CHECK(thrown == "{F3 F1}");
  }

  TEST_CASE("S-21: errors come in the order body, children as they ended, finalizers") {
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([&] {
        with_scope([&](scope& s) {
          s.on_exit([] { throw trouble("F1"); });
          s.on_exit([] { throw trouble("F2"); });
          s.spin(fails_after(20ms, "c20"));
          s.spin(fails_after(10ms, "c10"));
          testing::settle();
          throw trouble("body");
        });
      });
    });
    CHECK(thrown == "{body c10 c20 F2 F1}");
  }

  TEST_CASE("S-22: on_exit of a scope that is being left calls at once and reports") {
    trace log;
    std::string thrown;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.on_exit([&] {
          thrown = thrown_by([&] { s.on_exit([&] { log("1"); }); });
          log("2");
        });
      });
    });
    CHECK(log == trace{"1", "2"});
    CHECK(thrown.find("on_exit") != std::string::npos);
  }

  TEST_CASE(
      "S-07: spin into a scope that is being left throws; the callable is destroyed") {
    int refused = 0;
    bool destroyed = false;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.on_exit([&] {
          struct marker {
            bool* destroyed;
            explicit marker(bool& d) : destroyed(&d) {}
            marker(marker&& other) noexcept
                : destroyed(std::exchange(other.destroyed, nullptr)) {}
            ~marker() {
              if (destroyed != nullptr) *destroyed = true;
            }
          };
          const auto refuse = [&](auto&& spin_it) {
            try {
              spin_it();
            } catch (const structure_error&) {
              ++refused;
            }
          };
          refuse([&] { s.spin([m = marker(destroyed)] { FAIL("ran"); }); });
          refuse([&] { s.spin_daemon([] { FAIL("ran"); }); });
          refuse([&] { s.spin_ready([](auto&) { FAIL("ran"); }); });
        });
      });
    });
    CHECK(refused == 3);
    CHECK(destroyed);
  }

  TEST_CASE("finalizers run when all children and daemons have ended") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.on_exit([&] { log.at("finalizer"); });
        s.spin_daemon([&] {
          try {
            suspend();
          } catch (const cancelled&) {
            shield([] { sleep(10ms); });
            log.at("daemon");
            throw;
          }
        });
        s.spin([&] {
          sleep(10ms);
          log.at("child");
        });
      });
      log.at("left");
    });
    CHECK(log == trace{"child@10", "daemon@20", "finalizer@20", "left@20"});
  }

  TEST_CASE("finalizers are shielded: they can wait, whatever ends the scope") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([&] {
        with_scope([&](scope& s) {
          s.on_exit([&] {
            sleep(10ms);
            log.at("stopped");
          });
          suspend();
        });
        log("never");
      });
      testing::settle();
      f.stop();
      CHECK(f.outcome().stopped());

      with_scope([&](scope& s) {
        s.on_exit([&] {
          sleep(10ms);
          log.at("cancelled");
        });
        s.cancel();
        checkpoint();
      });

      const std::string thrown = thrown_by([&] {
        with_scope([&](scope& s) {
          s.on_exit([&] {
            sleep(10ms);
            log.at("failed");
          });
          throw trouble("body");
        });
      });
      CHECK(thrown == "body");
    });
    CHECK(log == trace{"stopped@10", "cancelled@20", "failed@30"});
  }

  TEST_CASE("a stop that comes while a finalizer waits is delivered after the scope") {
    trace log;
    testing::run([&] {
      const fiber<> f = spin([&] {
        with_scope([&](scope& s) {
          s.on_exit([&] {
            sleep(20ms);
            log.at("finalizer");
          });
        });
        log.at("left");
        checkpoint();
        log("never");
      });
      sleep(10ms);
      f.stop();
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"finalizer@20", "left@20"});
  }

  TEST_CASE("a finalizer's error beats a stop") {
    testing::run([&] {
      const fiber<> f = spin([&] {
        with_scope([&](scope& s) {
          s.on_exit([] { throw trouble("cleanup"); });
          suspend();
        });
      });
      testing::settle();
      f.stop();
      const auto end = f.outcome();
      CHECK(end.failed());
      CHECK(describe(end.error()) == "cleanup");
    });
  }

  TEST_CASE("a finalizer may be a callable that can only be moved") {
    int got = 0;
    testing::run([&] {
      const int result = with_scope([&](scope& s) {
        s.on_exit([&got, p = std::make_unique<int>(7)] { got = *p; });
        return 3;
      });
      CHECK(result == 3);
    });
    CHECK(got == 7);
  }

  TEST_CASE("a child may add a finalizer to the scope it lives in") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.on_exit([&] { log("first"); });
        s.spin([&] {
          sleep(10ms);
          s.on_exit([&] { log.at("of the child"); });
        });
      });
    });
    CHECK(log == trace{"of the child@10", "first"});
  }
}

}  // namespace
}  // namespace motet
