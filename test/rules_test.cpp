// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;
using test::trouble_1;

TEST_SUITE("rules") {
  TEST_CASE("R11: a fiber whose body returns cancels its children and waits for them") {
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
        yield();
        log.at("body");
      });
      p.await();
      log.at("p");
    });
    CHECK(log == trace{"body@0", "child@20", "p@20"});
  }

  TEST_CASE("R11: a scope whose body returns waits for its children") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        s.spin([&] {
          sleep(20ms);
          log.at("child");
        });
        log.at("body");
      });
      log.at("out");
    });
    CHECK(log == trace{"body@0", "child@20", "out@20"});
  }

  TEST_CASE("R15: a fiber stays on its thread and keeps its errno") {
    testing::run([] {
      const auto thread = std::this_thread::get_id();
      const auto other = spin([] {
        for (int i = 0; i < 20; ++i) {
          errno = EPIPE;
          sleep(1ms);
        }
      });
      for (int i = 0; i < 20; ++i) {
        errno = ENOENT;
        sleep(1ms);
        CHECK(errno == ENOENT);
        CHECK(std::this_thread::get_id() == thread);
      }
      other.await();
    });
  }

  TEST_CASE("R15: fibers that park in handlers keep their own exceptions") {
    trace log;
    testing::run([&] {
      const auto handle = [&](const char* name) {
        return spin([&log, name] {
          try {
            throw trouble(name);
          } catch (...) {
            sleep(1ms);
            log(std::uncaught_exceptions());
            try {
              throw;
            } catch (const trouble& e) {
              log(e.what());
            }
          }
        });
      };
      const auto a = handle("a");
      const auto b = handle("b");
      await_all(a, b);
      CHECK(std::current_exception() == nullptr);
    });
    CHECK(log == trace{"0", "a", "0", "b"});
  }

  TEST_CASE("R15: unwinding is counted by fiber") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const cleanup last([&] {
          sleep(1ms);
          log(std::uncaught_exceptions());
        });
        throw trouble();
      });
      const auto g = spin([&] { log(std::uncaught_exceptions()); });
      CHECK(f.outcome().failed());
      g.await();
      CHECK(std::uncaught_exceptions() == 0);
    });
    CHECK(log == trace{"0", "1"});
  }

  TEST_CASE("R16: a running fiber that is restarted unwinds, then runs again") {
    trace log;
    testing::run([&] {
      const auto f = spin([&, run = 0]() mutable {
        ++run;
        log.at("run " + std::to_string(run));
        if (run == 2) return run;
        spin([&] {
          const cleanup last([&] {
            sleep(10ms);
            log.at("child");
          });
          suspend();
        });
        const cleanup last([&] { log.at("unwound"); });
        suspend();
      });
      const auto id = f.id();
      const auto w = spin([&] { log.at(f.await()); });
      testing::settle();
      CHECK(f.restart());
      w.await();
      CHECK(f.id() == id);
      CHECK_FALSE(f.outcome().cancel_requested());
    });
    CHECK(log == trace{"run 1@0", "unwound@0", "child@10", "run 2@10", "2@10"});
  }

  TEST_CASE("R16: a fiber that is restarted before it starts runs once") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] { log("ran"); });
      CHECK(f.restart());
      CHECK(f.restart());
      f.await();
    });
    CHECK(log == trace{"ran"});
  }

  TEST_CASE("R16: one that has ended runs again only if it is restartable") {
    trace log;
    testing::run([&] {
      const auto once = spin([&] { log("once"); });
      once.await();
      CHECK_FALSE(once.restart());
      const auto again = spin({.restartable = true}, [&] { log("again"); });
      again.await();
      CHECK(again.restart());
      CHECK_FALSE(again.done());
      again.await();
      again.stop();
    });
    CHECK(log == trace{"once", "again", "again"});
  }

  TEST_CASE("R16: the mailbox is emptied when restart is called") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log(receive<std::string>());
        log(receive<std::string>());
      });
      testing::settle();
      f << "a";
      f << "lost";
      CHECK(f.restart());
      f << "b";
      f << "c";
      f.await();
    });
    CHECK(log == trace{"a", "b", "c"});
  }

  TEST_CASE("R16: the main fiber cannot be restarted") {
    testing::run([] {
      CHECK_THROWS_AS(this_fiber::self().restart(), structure_error);
      const auto main = this_fiber::self();
      spin([main] { CHECK_THROWS_AS(main.restart(), structure_error); }).await();
    });
  }

  TEST_CASE("R17: a null handle refuses every verb") {
    testing::run([] {
      const fiber<int> f;
      CHECK_FALSE(static_cast<bool>(f));
      CHECK(f == fiber_ref{});
      CHECK(f.done());
      CHECK_FALSE(f.stop());
      CHECK_FALSE(f.cancel());
      CHECK_FALSE(f.cancel(trouble()));
      CHECK_FALSE(f.move_on(1));
      CHECK_FALSE(f.terminate());
      CHECK_FALSE(f.terminate(1s));
      CHECK_FALSE(f.restart());
      CHECK_FALSE(f.raise(trouble()));
      CHECK_FALSE(f.throw_to(trouble()));
      CHECK_FALSE(f.monitor());
      CHECK_FALSE(f.unmonitor());
      CHECK_FALSE(f.cancel_requested());
      CHECK_THROWS_AS(f.await(), structure_error);
      f << 1;
    });
  }

  TEST_CASE("R17: dropping handles changes nothing, and what ended leaves nothing") {
    trace log;
    const int before = tracked::alive();
    testing::run([&] {
      spin([&] {
        sleep(10ms);
        log.at("ran");
        return tracked();
      });
      sleep(20ms);
      CHECK(tracked::alive() == before);
    });
    CHECK(log == trace{"ran@10"});
  }

  TEST_CASE("R17: a fiber in which a timeout fired leaves nothing") {
    const int before = tracked::alive();
    testing::run([&] {
      spin([] {
        CHECK_THROWS_AS(cancel_after(1ms, [] { suspend(); }), timeout_error);
        return tracked();
      });
      spin([] {
        try {
          cancel_after(1ms, [] {
            const cleanup last([] { sleep(1ms); });
            suspend();
          });
        } catch (const timeout_error&) {  // of no interest
        }
        return tracked();
      });
      sleep(10ms);
      CHECK(tracked::alive() == before);
    });
  }

  TEST_CASE("R17: a fiber that stopped itself leaves nothing") {
    const int before = tracked::alive();
    testing::run([&] {
      spin([] {
        this_fiber::self().stop();
        return tracked();
      });
      sleep(10ms);
      CHECK(tracked::alive() == before);
    });
  }

  TEST_CASE("R17: fibers that stopped each other leave nothing") {
    const int before = tracked::alive();
    testing::run([&] {
      {
        fiber_ref a;
        const fiber_ref b = spin([&] {
          a.stop();
          shield([] { sleep(1ms); });
          return tracked();
        });
        a = spin({.start = start_policy::always}, [b] {
          b.stop();
          return tracked();
        });
        testing::settle();
      }
      sleep(10ms);
      CHECK(tracked::alive() == before);
    });
  }

  TEST_CASE("R17: fibers that monitor each other leave nothing") {
    const int before = tracked::alive();
    testing::run([&] {
      {
        fiber_ref a;
        const fiber_ref b = spin([&] {
          a.monitor();
          sleep(1ms);
          return tracked();
        });
        a = spin([b] {
          b.monitor();
          this_fiber::self().monitor();
          sleep(1ms);
          return tracked();
        });
        testing::settle();
      }
      sleep(10ms);
      CHECK(tracked::alive() == before);
    });
  }

  TEST_CASE("R17: a scoped_fiber stops and joins when it goes") {
    trace log;
    testing::run([&] {
      {
        const scoped_fiber f(spin([&] {
          const cleanup last([&] {
            sleep(10ms);
            log.at("cleaned");
          });
          suspend();
        }));
        testing::settle();
      }
      log.at("out");
    });
    CHECK(log == trace{"cleaned@10", "out@10"});
  }
}

}  // namespace
}  // namespace motet
