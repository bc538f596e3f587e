// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

/// Says when it starts and when it is gone; takes 10 ms to clean up.
auto worker(std::string name, trace& log) {
  return [name = std::move(name), &log] {
    log.at(name);
    const cleanup last([&] {
      sleep(10ms);
      log.at("-" + name);
    });
    suspend();
  };
}

/// Fails after `d`, but for the last of `runs`.
auto crasher(std::string name, duration d, int runs, trace& log) {
  return [name = std::move(name), d, runs, &log, n = 0]() mutable {
    log.at(name);
    sleep(d);
    if (++n < runs) throw trouble(name);
    log.at("+" + name);
  };
}

TEST_SUITE("supervise: strategies") {
  TEST_CASE("one_for_one: the others go on") {
    trace log;
    testing::run([&] {
      move_on_after(250ms, [&] {
        spin(worker("a", log));
        spin(crasher("b", 100ms, 2, log));
        spin(worker("c", log));
        supervise({.restart = restart_policy::on_error});
      });
    });
    CHECK(log == trace{"a@0", "b@0", "c@0", "b@100", "+b@200", "-c@260", "-a@270"});
  }

  TEST_CASE("one_for_all: all are stopped, the last one first, and started in order") {
    trace log;
    testing::run([&] {
      move_on_after(250ms, [&] {
        spin(worker("a", log));
        spin(crasher("b", 100ms, 2, log));
        spin(worker("c", log));
        supervise({.restart = restart_policy::on_error,
                   .strategy = restart_strategy::one_for_all});
      });
    });
    CHECK(log == trace{"a@0", "b@0", "c@0", "-c@110", "-a@120", "a@120", "b@120", "c@120",
                       "+b@220", "-c@260", "-a@270"});
  }

  TEST_CASE("rest_for_one: those after it") {
    trace log;
    testing::run([&] {
      move_on_after(250ms, [&] {
        spin(worker("a", log));
        spin(crasher("b", 100ms, 2, log));
        spin(worker("c", log));
        spin(worker("d", log));
        supervise({.restart = restart_policy::on_error,
                   .strategy = restart_strategy::rest_for_one});
      });
    });
    CHECK(log == trace{"a@0", "b@0", "c@0", "d@0", "-d@110", "-c@120", "b@120", "c@120",
                       "d@120", "+b@220", "-d@260", "-c@270", "-a@280"});
  }

  TEST_CASE("one_for_all: who was done runs again as well") {
    trace log;
    testing::run([&] {
      spin([&] { log.at("prepare"); });
      spin(crasher("work", 10ms, 2, log));
      supervise({.restart = restart_policy::on_error,
                 .strategy = restart_strategy::one_for_all,
                 .on_done = [&](const fiber_ref&, const ending&) { log.at("done"); }});
    });
    CHECK(log == trace{"prepare@0", "work@0", "done@0", "prepare@10", "work@10",
                       "done@10", "+work@20", "done@20"});
  }

  TEST_CASE("one_for_all: the back-off comes between stopping and starting") {
    trace log;
    testing::run([&] {
      const bool finished = move_on_after(300ms, [&] {
        spin(worker("a", log));
        spin(crasher("b", 50ms, 2, log));
        supervise({.restart = restart_policy::on_error,
                   .backoff = 100ms,
                   .strategy = restart_strategy::one_for_all});
      });
      CHECK_FALSE(finished);
    });
    CHECK(log == trace{"a@0", "b@0", "-a@60", "a@160", "b@160", "+b@210", "-a@310"});
  }

  TEST_CASE("one_for_all: those that fail together are one restart") {
    trace log;
    testing::run([&] {
      spin(crasher("a", 10ms, 3, log));
      spin(crasher("b", 10ms, 3, log));
      spin(crasher("c", 10ms, 3, log));
      supervise({.restart = restart_policy::on_error,
                 .intensity = 2,
                 .strategy = restart_strategy::one_for_all});
    });
    CHECK(log == trace{"a@0", "b@0", "c@0", "a@10", "b@10", "c@10", "a@20", "b@20",
                       "c@20", "+a@30", "+b@30", "+c@30"});
  }

  TEST_CASE("one_for_all: an error in the cleanup of one that is stopped is told") {
    trace log;
    testing::run([&] {
      spin([&log, n = 0]() mutable {
        log(++n);
        if (n == 2) return;
        try {
          suspend();
        } catch (const cancelled&) {
          throw trouble("cleanup");
        }
      });
      spin(crasher("b", 10ms, 2, log));
      supervise({.restart = restart_policy::on_error,
                 .intensity = 1,
                 .strategy = restart_strategy::one_for_all,
                 .on_error = [&](const fiber_ref&, const ending& how) {
                   log.at(describe(how.error()));
                 }});
    });
    CHECK(log == trace{"1", "b@0", "b@10", "cleanup@10", "2", "b@10", "+b@20"});
  }

  TEST_CASE("rest_for_one: an earlier one that fails takes a pending restart along") {
    trace log;
    testing::run([&] {
      spin(crasher("a", 50ms, 2, log));
      spin(crasher("b", 20ms, 2, log));
      supervise({.restart = restart_policy::on_error,
                 .backoff = 100ms,
                 .strategy = restart_strategy::rest_for_one});
    });
    CHECK(log == trace{"a@0", "b@0", "a@150", "b@150", "+b@170", "+a@200"});
  }

  TEST_CASE("stopped while it waits for a slow one, it starts nobody") {
    trace log;
    testing::run([&] {
      const auto sup = spin([&] {
        spin(worker("a", log));
        spin(crasher("b", 10ms, 2, log));
        spin(worker("c", log));
        supervise({.restart = restart_policy::on_error,
                   .strategy = restart_strategy::one_for_all});
      });
      sleep(15ms);
      CHECK(sup.interrupt().stopped());
      log.at("end");
    });
    CHECK(log == trace{"a@0", "b@0", "c@0", "-c@20", "-a@30", "end@30"});
  }
}

TEST_SUITE("supervise: trees and crowds") {
  TEST_CASE("an inner supervisor that gives up is restarted by the outer one") {
    trace log;
    testing::run([&] {
      int inner_runs = 0;
      const auto inner = [&] {
        log.at("inner");
        spin([&] {
          log.at("w");
          sleep(10ms);
          if (inner_runs == 0) throw trouble("w");
        });
        spin([&] {
          const cleanup last([&] { log.at("-helper"); });
          sleep(25ms);
        });
        const cleanup last([&] { ++inner_runs; });
        supervise({.restart = restart_policy::on_error, .intensity = 1});
      };
      spin({.name = "inner"}, inner);
      spin({.name = "feed"}, [&] {
        sleep(60ms);
        log.at("feed");
      });
      supervise({.restart = restart_policy::on_error,
                 .on_error = [&](const fiber_ref& who, const ending& how) {
                   log.at(who.name() + ": " + describe(how.error()));
                   CHECK(how.cause().errors().size() == 2);
                 }});
      log.at("end");
    });
    CHECK(log == trace{"inner@0", "w@0", "w@10", "-helper@20", "inner: w@20", "inner@20",
                       "w@20", "-helper@45", "feed@60", "end@60"});
  }

  TEST_CASE("a tree is stopped from the last branch to the first, leaves before it") {
    trace log;
    testing::run([&] {
      const auto branch = [&](const std::string& name) {
        return [&log, name] {
          spin(worker(name + "1", log));
          spin(worker(name + "2", log));
          supervise({.restart = restart_policy::always});
        };
      };
      const auto top = spin([&] {
        spin(branch("a"));
        spin(branch("b"));
        supervise({.restart = restart_policy::always});
      });
      sleep(100ms);
      CHECK(top.interrupt().stopped());
      CHECK(this_fiber::self().children().empty());
    });
    CHECK(log == trace{"a1@0", "a2@0", "b1@0", "b2@0", "-b2@110", "-b1@120", "-a2@130",
                       "-a1@140"});
  }

  TEST_CASE("many that crash at random: each runs as often as it should, none is left") {
    constexpr int count = 200;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      struct tally {
        int crashes_left = 0;
        int runs = 0;
        int reported = 0;
        bool done = false;
      };
      std::vector<tally> tallies(count);
      testing::run([&] {
        std::mt19937_64 random(seed);
        const auto below = [&](std::uint64_t n) {
          return static_cast<int>(random() % n);
        };
        int crashes = 0;
        for (tally& t : tallies) {
          t.crashes_left = below(5);
          crashes += t.crashes_left;
          spin([&t, &below] {
            ++t.runs;
            sleep(below(20) * 1ms);
            if (t.crashes_left-- > 0) throw trouble();
            t.done = true;
          });
        }
        const auto index = [ids = this_fiber::self().children()](const fiber_ref& f) {
          return static_cast<std::size_t>(f.id() - ids.front().id());
        };
        const auto backoff = below(2) * 7ms;
        supervise({.restart = restart_policy::on_error,
                   .intensity = static_cast<std::size_t>(crashes),
                   .backoff = backoff,
                   .on_done = [&](const fiber_ref& who,
                                  const ending&) { CHECK(tallies[index(who)].done); },
                   .on_error = [&](const fiber_ref& who,
                                   const ending&) { ++tallies[index(who)].reported; }});
        CHECK(this_fiber::self().children().empty());
        CHECK(testing::armed_timers() == 0);
        checkpoint();
      });
      for (const tally& t : tallies) {
        CHECK(t.done);
        CHECK(t.runs == t.reported + 1);
      }
    }
  }

  TEST_CASE("many that crash at random, stopped at random: none is left") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(seed);
      testing::run([&] {
        std::mt19937_64 random(seed);
        const auto below = [&](std::uint64_t n) {
          return static_cast<int>(random() % n);
        };
        constexpr restart_strategy strategies[] = {restart_strategy::one_for_one,
                                                   restart_strategy::one_for_all,
                                                   restart_strategy::rest_for_one};
        int alive = 0;
        const auto sup = spin([&] {
          for (int i = 0; i < 10; ++i) {
            spin([&] {
              ++alive;
              const cleanup last([&] {
                shield([&] { sleep(below(3) * 1ms); });
                --alive;
              });
              sleep(below(50) * 1ms);
              if (below(2) == 0) throw trouble();
            });
          }
          supervise({.restart = restart_policy::always,
                     .intensity = 100'000,
                     .backoff = below(2) * 5ms,
                     .strategy = strategies[seed % 3],
                     .shutdown = below(2) * 5ms});
        });
        sleep(below(300) * 1ms);
        CHECK(sup.interrupt().cancel_requested());
        CHECK(alive == 0);
        CHECK(testing::armed_timers() == 0);
      });
    }
  }
}

}  // namespace
}  // namespace motet
