// SPDX-License-Identifier: MIT
#include "test/support/failing.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace motet {
namespace {

using test::fails_when_stopped;
using test::thrown_by;
using test::trace;
using test::trouble;

bool has_text(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

int port_of_server(ready_signal<int>& ready) {
  ready(80);
  return 0;
}

TEST_SUITE("scopes: starting") {
  TEST_CASE("S-29: spin_ready returns what the fiber says, as soon as it does") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const int v = s.spin_ready<int>([&](auto& ready) {
          ready(7);
          sleep(10ms);
          log.at("child");
        });
        log.at(v);
      });
      log.at("left");
    });
    CHECK(log == trace{"7@0", "child@10", "left@10"});
  }

  TEST_CASE("S-29: spin_ready waits as long as the fiber takes to get ready") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin_ready([&](auto& ready) {
          sleep(10ms);
          ready();
          suspend();
        });
        log.at("ready");
        CHECK(s.size() == 1);
        s.cancel();
      });
    });
    CHECK(log == trace{"ready@10"});
  }

  TEST_CASE("S-29: what it fails with before is the caller's, and not the scope's") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const fiber<> sibling = s.spin([] { sleep(20ms); });
        fiber_ref source;
        try {
          s.spin_ready<int>({.name = "server"}, [](auto&) {
            sleep(10ms);
            throw trouble("no port");
          });
        } catch (const trouble& t) {
          log.at(t.what());
          source = source_of(t);
        }
        CHECK(source.name() == "server");
        sibling.await();
        log.at("sibling");
      });
    });
    CHECK(log == trace{"no port@10", "sibling@20"});
  }

  TEST_CASE("S-29: what it fails with before, let go on, is thrown once") {
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([] {
        with_scope([](scope& s) { s.spin_ready([](auto&) { throw trouble("early"); }); });
      });
    });
    CHECK(thrown == "early");
  }

  TEST_CASE("S-29: what it fails with afterwards is the scope's") {
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([] {
        with_scope([](scope& s) {
          s.spin_ready([](auto& ready) {
            ready();
            throw trouble("late");
          });
          s.spin(fails_when_stopped("sibling"));
          testing::settle();
        });
      });
    });
    CHECK(has_text(thrown, "late"));
  }

  TEST_CASE("S-29: one that ends and never says so is an error of structure") {
    testing::run([&] {
      with_scope([](scope& s) {
        CHECK_THROWS_AS(s.spin_ready([](auto&) { sleep(10ms); }), structure_error);
        CHECK_THROWS_AS(s.spin_ready<int>([](auto&) {}), structure_error);
        CHECK(s.size() == 0);
      });
      CHECK(test::now_in_ms() == 10);
    });
  }

  TEST_CASE("S-29: if the caller is cancelled the fiber is stopped, and joined") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        move_on_after(10ms, [&] {
          s.spin_ready([&](auto& ready) {
            try {
              suspend();
            } catch (const cancelled& c) {
              log.at("child");
              CHECK(c.reason().kind == cancel_kind::stop);
              shield([] { sleep(10ms); });
              CHECK(!ready());
              log.at("cleaned up");
              throw;
            }
          });
          log("never");
        });
        log.at("moved on");
      });
      log.at("left");
    });
    CHECK(log == trace{"moved on@10", "child@10", "cleaned up@20", "left@20"});
  }

  TEST_CASE("S-29: what the fiber of a cancelled start fails with is the scope's") {
    std::string thrown;
    testing::run([&] {
      thrown = thrown_by([] {
        with_scope([](scope& s) {
          move_on_after(10ms, [&] {
            s.spin_ready([](auto&) { fails_when_stopped("cleanup")(); });
          });
        });
      });
    });
    CHECK(thrown == "cleanup");
  }

  TEST_CASE("an exception that is raised into the caller ends the start as well") {
    trace log;
    testing::run([&] {
      const fiber<> caller = spin([&] {
        with_scope([&](scope& s) {
          try {
            s.spin_ready([&](auto&) {
              try {
                suspend();
              } catch (const cancelled&) {
                log("stopped");
                throw;
              }
            });
          } catch (const trouble& t) {
            log(t.what());
          }
        });
      });
      testing::settle();
      caller.raise(trouble("raised"));
      caller.await();
    });
    CHECK(log == trace{"raised", "stopped"});
  }

  TEST_CASE("a signal and a stop of the caller in one turn: what came first counts") {
    trace log;
    testing::run([&] {
      ready_signal<int>* signal = nullptr;
      const auto start = [&](scope& s) {
        return s.spin_ready<int>([&](auto& ready) {
          signal = &ready;
          suspend();
        });
      };
      const fiber<> told = spin([&] {
        with_scope([&](scope& s) {
          log(start(s));
          checkpoint();
          log("never");
        });
      });
      testing::settle();
      CHECK((*signal)(1));
      told.stop();
      told.await();
      const fiber<> stopped = spin([&] { with_scope([&](scope& s) { log(start(s)); }); });
      testing::settle();
      stopped.stop();
      CHECK(!(*signal)(2));
      stopped.await();
    });
    CHECK(log == trace{"1"});
  }

  TEST_CASE("one that is stopped before it is ready throws fiber_stopped there") {
    testing::run([&] {
      with_scope([](scope& s) {
        CHECK_THROWS_AS(s.spin_ready([](auto&) {
          this_fiber::self().stop();
          checkpoint();
        }),
                        fiber_stopped);
      });
    });
  }

  TEST_CASE("spin_ready looks first: in a cancelled scope nothing is started") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.cancel();
        s.spin_ready({.start = start_policy::always}, [&](auto&) { log("never"); });
        log("never");
      });
    });
    CHECK(log == trace{});
  }

  TEST_CASE("only the first signal counts, a copy of it as well") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const int v = s.spin_ready<int>([&](auto ready) {
          spin([&log, ready] {
            sleep(10ms);
            log(ready(1));
            log(ready(2));
          }).await();
          log(ready(3));
        });
        log(v);
      });
    });
    CHECK(log == trace{"true", "false", "1", "false"});
  }

  TEST_CASE("what is signalled is known from a callable that says so") {
    testing::run([&] {
      with_scope([](scope& s) {
        static_assert(std::is_same_v<int, decltype(s.spin_ready(port_of_server))>);
        CHECK(s.spin_ready(port_of_server) == 80);
        CHECK(s.spin_ready(&port_of_server) == 80);
        const std::string text = s.spin_ready(
            [](const ready_signal<std::string>& ready, int times) {
              ready(std::string(static_cast<std::size_t>(times), 'x'));
            },
            3);
        CHECK(text == "xxx");
        auto owned =
            s.spin_ready([n = 1](ready_signal<std::unique_ptr<int>> ready) mutable {
              ready(std::make_unique<int>(++n));
            });
        CHECK(*owned == 2);
        s.spin_ready([](ready_signal<>& ready) { ready(); });
      });
    });
  }

  TEST_CASE("spin_ready takes arguments and options") {
    testing::run([&] {
      with_scope([](scope& s) {
        const int sum = s.spin_ready<int>(
            [](auto& ready, int a, std::unique_ptr<int>& b) { ready(a + *b); }, 2,
            std::make_unique<int>(3));
        CHECK(sum == 5);
        const std::string name = s.spin_ready<std::string>(
            {.name = "named"}, [](auto& ready, int) { ready(this_fiber::name()); }, 1);
        CHECK(name == "named");
      });
    });
  }

  TEST_CASE("a fiber that waits for its starter before it is ready is told") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const fiber_ref starter = this_fiber::self();
        try {
          s.spin_ready([&](auto&) { (void)starter.wait(); });
        } catch (const deadlock_error&) {
          log("deadlock");
        }
      });
    });
    CHECK(log == trace{"deadlock"});
  }
}

}  // namespace
}  // namespace motet
