// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::tracked;
using test::trouble;

TEST_SUITE("supervise: whose children, whose errors") {
  TEST_CASE("V-05: a child that comes later is supervised as well") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin({.name = "A"}, [] { sleep(10ms); });
        supervise({.restart = restart_policy::on_error,
                   .on_done = [&](const fiber_ref& who, const ending&) {
                     log.at("done " + who.name());
                     if (who.name() != "A") return;
                     spin({.name = "B"}, [&log, n = 0]() mutable {
                       log.at("B runs");
                       sleep(5ms);
                       if (++n == 1) throw trouble();
                     });
                   }});
      });
      sup.await();
      log.at("end");
    });
    CHECK(log == trace{"done A@10", "B runs@10", "B runs@15", "done B@20", "end@20"});
  }

  TEST_CASE("all children: those of open scopes as well, and no others") {
    trace log;
    testing::run([&] {
      const auto stranger = spin([] { sleep(1s); });
      const auto sup = spin([&] {
        spin({.name = "plain"}, [] { throw trouble(); });
        with_scope([&](scope& s) {
          s.spin({.name = "scoped"}, [] { throw trouble(); });
          supervise({.on_error = [&](const fiber_ref& who, const ending&) {
            log("error " + who.name());
          }});
          log.at("returned");
        });
      });
      sup.await();
      CHECK_FALSE(stranger.done());
    });
    CHECK(log == trace{"error plain", "error scoped", "returned@0"});
  }

  TEST_CASE("R12: a supervised child of a scope does not cancel its siblings") {
    trace log;
    testing::run([&] {
      with_scope([&](scope& s) {
        const auto a = s.spin([n = 0]() mutable {
          sleep(10ms);
          if (++n < 3) throw trouble();
        });
        s.spin([&] {
          sleep(100ms);
          log.at("sibling");
        });
        supervise({a}, {.restart = restart_policy::on_error});
        log.at("a done");
      });
    });
    CHECK(log == trace{"a done@30", "sibling@100"});
  }

  TEST_CASE("whoever awaits sees the end of the run under way") {
    trace log;
    testing::run([&] {
      const auto f = spin([n = 0]() mutable {
        sleep(10ms);
        if (++n == 1) throw trouble("first");
        return n;
      });
      const auto sup =
          spin([&] { supervise({f}, {.restart = restart_policy::on_error}); });
      testing::settle();
      try {
        f.await();
      } catch (const trouble& e) {
        log.at(e.what());
      }
      testing::settle();
      log.at(f.await());
      sup.await();
    });
    CHECK(log == trace{"first@10", "2@20"});
  }

  TEST_CASE("monitors are told of every end") {
    trace log;
    testing::run([&] {
      const auto f = spin([n = 0]() mutable {
        sleep(10ms);
        if (++n < 3) throw trouble();
      });
      CHECK(f.monitor());
      supervise({f}, {.restart = restart_policy::on_error});
      for (int i = 0; i < 3; ++i)
        log(receive<ended>().how.failed());
    });
    CHECK(log == trace{"true", "true", "false"});
  }

  TEST_CASE("what is sent to a new run arrives") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const auto text = receive<std::string>();
        log(text);
        if (text == "bad") throw trouble();
      });
      const auto sup =
          spin([&] { supervise({f}, {.restart = restart_policy::on_error}); });
      testing::settle();
      f << "bad";
      testing::settle();
      f << "good";
      sup.await();
    });
    CHECK(log == trace{"bad", "good"});
  }

  TEST_CASE("who failed before it was supervised counts, and is no surprise later") {
    trace log;
    testing::run([&] {
      const auto f = spin([] { throw trouble("early"); });
      testing::settle();
      supervise({f}, {.on_error = [&](const fiber_ref&, const ending& how) {
                  log(describe(how.error()));
                }});
      checkpoint();
      const auto g = spin({.restartable = true}, [&log, n = 0]() mutable {
        log(++n);
        if (n == 1) throw trouble();
      });
      testing::settle();
      supervise({g}, {.restart = restart_policy::on_error});
    });
    CHECK(log == trace{"early", "1", "2"});
  }

  TEST_CASE(
      "who failed before and kept nothing cannot be restarted: its error is thrown") {
    testing::run([] {
      const auto f = spin([] { throw trouble(); });
      testing::settle();
      CHECK_THROWS_AS(supervise({f}, {.restart = restart_policy::on_error}), trouble);
      const auto g = spin({.name = "gone"}, [] {});
      g.await();
      CHECK_THROWS_WITH_AS(supervise({g}, {.restart = restart_policy::always}),
                           "supervise: fiber \"gone\" cannot be restarted any more",
                           structure_error);
    });
  }

  TEST_CASE("callable and arguments are kept for as long as they may be needed") {
    testing::run([] {
      const auto f = spin([owned = tracked(), n = 0]() mutable {
        sleep(10ms);
        if (++n == 1) throw trouble();
      });
      const auto g = spin([] { sleep(100ms); });
      const auto sup = spin([&] {
        supervise({f, g}, {.restart = restart_policy::on_error, .backoff = 10ms});
      });
      sleep(15ms);
      CHECK(f.done());
      CHECK(tracked::alive() == 1);
      sleep(20ms);
      CHECK(f.done());
      CHECK_FALSE(sup.done());
      CHECK(tracked::alive() == 0);
      CHECK_FALSE(f.restart());
      sup.await();
    });
  }

  TEST_CASE("a restartable fiber stays so when its supervisor has left") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [&log, n = 0]() mutable {
        log(++n);
        if (n == 1) throw trouble();
      });
      supervise({f}, {.restart = restart_policy::on_error});
      CHECK(f.restart());
      f.await();
    });
    CHECK(log == trace{"1", "2", "3"});
  }

  TEST_CASE("move-only arguments are lent to every run") {
    trace log;
    testing::run([&] {
      const auto f = spin(
          [&log](std::unique_ptr<int>& n) {
            log(++*n);
            if (*n < 3) throw trouble();
          },
          std::make_unique<int>(0));
      supervise({f}, {.restart = restart_policy::on_error});
    });
    CHECK(log == trace{"1", "2", "3"});
  }

  TEST_CASE("a supervised fiber that is attached elsewhere ends with its new parent") {
    testing::run([] {
      fiber<> child;
      const fiber<> boss = spin([&] {
        child = spin([] { suspend(); });
        supervise({child});
      });
      const fiber<> other = spin([] { suspend(); });
      testing::settle();
      CHECK(child.attach_to(other));
      other.interrupt();
      CHECK(child.done());
      boss.await();
    });
  }

  TEST_CASE("V-05: a fiber that is attached to the supervisor is supervised as well") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin([] { sleep(20ms); });
        supervise({.restart = restart_policy::on_error});
        log.at("end");
      });
      testing::settle();
      const auto late = spin([&log, n = 0]() mutable {
        log.at("runs");
        sleep(5ms);
        if (++n == 1) throw trouble();
        sleep(50ms);
      });
      CHECK(late.attach_to(sup));
      sup.await();
    });
    CHECK(log == trace{"runs@0", "runs@5", "end@60"});
  }
}

}  // namespace
}  // namespace motet
