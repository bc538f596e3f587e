// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

/// Fails after `d`, every time it is run.
auto failing_after(duration d, trace& log) {
  return [d, &log, n = 0]() mutable {
    log.at(++n);
    sleep(d);
    throw trouble("run " + std::to_string(n));
  };
}

TEST_SUITE("supervise: callbacks and policies") {
  TEST_CASE("V-01: callbacks hear of every end, and it returns when all are done") {
    trace log;
    testing::run([&] {
      const auto c = spin({.name = "c"}, [] {
        sleep(10ms);
        return 42;
      });
      const auto d = spin({.name = "d"}, [] {
        sleep(20ms);
        throw trouble("E");
      });
      supervise({c, d},
                {.on_done =
                     [&](const fiber_ref& who, const ending& how) {
                       CHECK(who == c);
                       CHECK_FALSE(how.failed());
                       CHECK(c.await() == 42);
                       log.at("done " + who.name());
                     },
                 .on_error =
                     [&](const fiber_ref& who, const ending& how) {
                       log.at("error " + who.name() + " " + describe(how.error()));
                     }});
      log.at("returned");
      checkpoint();
    });
    CHECK(log == trace{"done c@10", "error d E@20", "returned@20"});
  }

  TEST_CASE("V-02: always runs it again until the supervisor is stopped") {
    int n = 0;
    testing::run([&] {
      const auto sup = spin([&] {
        spin([&] {
          ++n;
          sleep(10ms);
          if (n == 2) throw trouble();
        });
        supervise({.restart = restart_policy::always});
      });
      sleep(35ms);
      CHECK(sup.interrupt().stopped());
    });
    CHECK(n == 4);
  }

  TEST_CASE("V-02: on_error leaves alone what ended well") {
    int n = 0;
    trace log;
    testing::run([&] {
      const auto c = spin([&] {
        ++n;
        sleep(10ms);
        if (n == 2) throw trouble();
      });
      supervise({c}, {.restart = restart_policy::on_error});
      log.at("returned");
    });
    CHECK(n == 1);
    CHECK(log == trace{"returned@10"});
  }

  TEST_CASE("V-02: on_error runs again what failed") {
    int n = 0;
    trace log;
    testing::run([&] {
      const auto c = spin([&] {
        ++n;
        sleep(10ms);
        if (n == 1) throw trouble();
        return n;
      });
      supervise({c}, {.restart = restart_policy::on_error});
      log.at("returned");
      CHECK(c.await() == 2);
    });
    CHECK(log == trace{"returned@20"});
  }

  TEST_CASE("who was stopped is done with on_error, and runs again with always") {
    trace log;
    testing::run([&] {
      const auto f = spin([&log, n = 0]() mutable {
        log(++n);
        suspend();
      });
      const auto sup = spin([&] { supervise({f}, {.restart = restart_policy::always}); });
      testing::settle();
      CHECK(f.stop());
      testing::settle();
      CHECK_FALSE(f.done());
      CHECK_FALSE(sup.done());
      CHECK(sup.interrupt().stopped());
      CHECK(f.done());

      const auto g = spin([] { suspend(); });
      const auto other = spin([&] {
        supervise({g}, {.restart = restart_policy::on_error,
                        .on_done = [&](const fiber_ref&, const ending& how) {
                          log("stopped: " + how.reason().message);
                        }});
      });
      testing::settle();
      CHECK(g.stop("enough"));
      CHECK_FALSE(other.outcome().stopped());
    });
    CHECK(log == trace{"1", "2", "stopped: enough"});
  }

  TEST_CASE(
      "V-24: an error that nobody takes is reported at once, and the others go on") {
    trace log;
    run({.backend = backend_kind::sim,
         .signals = signal_policy::none,
         .on_unhandled = [&](const std::exception_ptr& e) { log.at(describe(e)); }},
        [&] {
          const auto a = spin([] {
            sleep(10ms);
            throw trouble("lonely");
          });
          const auto b = spin([] { sleep(20ms); });
          supervise({a, b});
          log.at("returned");
          checkpoint();
        });
    CHECK(log == trace{"lonely@10", "returned@20"});
  }

  TEST_CASE("a range of fibers, an array, none at all") {
    trace log;
    testing::run([&] {
      std::vector<fiber<int>> many;
      for (int i = 0; i < 3; ++i) {
        many.push_back(spin([i] {
          sleep(i * 1ms);
          return i;
        }));
      }
      supervise(many, {.on_done = [&](const fiber_ref& who, const ending&) {
                  CHECK(who == many[static_cast<std::size_t>(test::now_in_ms())]);
                  log.at("done");
                }});
      const std::array few{spin([] {}), spin([] {})};
      supervise(few);
      CHECK(few[1].done());
      supervise(std::vector<fiber_ref>());
      supervise();
    });
    CHECK(log == trace{"done@0", "done@1", "done@2"});
  }
}

TEST_SUITE("supervise: intensity and back-off") {
  TEST_CASE("V-03: too many restarts in too short a time: it stops all and throws") {
    trace log;
    testing::run([&] {
      spin(failing_after(100ms, log));
      spin([&] {
        const cleanup last([&] { log.at("s"); });
        suspend();
      });
      try {
        supervise({.restart = restart_policy::on_error, .intensity = 3, .within = 5s});
      } catch (const trouble& e) {
        log.at(e.what());
        CHECK(cause_of(e).errors().size() == 4);
        CHECK(describe(cause_of(e).errors().front()) == "run 1");
        CHECK(source_of(e).done());
      }
      CHECK(this_fiber::self().children().empty());
    });
    CHECK(log == trace{"1@0", "2@100", "3@200", "4@300", "s@400", "run 4@400"});
  }

  TEST_CASE("V-03: as many restarts over a longer time are borne") {
    trace log;
    testing::run([&] {
      trace runs;
      const auto f = spin(failing_after(2s, runs));
      const bool still = !move_on_after(1min, [&] {
        supervise({f},
                  {.restart = restart_policy::on_error, .intensity = 3, .within = 5s});
      });
      CHECK(still);
      log.at("stopped");
      CHECK(f.done());
    });
    CHECK(log == trace{"stopped@60000"});
  }

  TEST_CASE("the window slides: old restarts are forgotten") {
    trace log;
    testing::run([&] {
      // Fails at 0, 10, 20, then only from 1000 on: four, but never more than 3 in 100.
      const auto f = spin([&log, n = 0]() mutable {
        log.at(++n);
        sleep(n == 3 ? 1s : 10ms);
        if (n == 6) return;
        throw trouble();
      });
      supervise({f},
                {.restart = restart_policy::on_error, .intensity = 3, .within = 100ms});
    });
    CHECK(log == trace{"1@0", "2@10", "3@20", "4@1020", "5@1030", "6@1040"});
  }

  TEST_CASE("an intensity of zero throws the first error") {
    trace log;
    testing::run([&] {
      const auto f = spin(failing_after(10ms, log));
      CHECK_THROWS_AS(
          supervise({f}, {.restart = restart_policy::on_error, .intensity = 0}), trouble);
    });
    CHECK(log == trace{"1@0"});
  }

  TEST_CASE("five restarts a minute, and no back-off, if nothing else is said") {
    int runs = 0;
    testing::run([&] {
      const auto f = spin([&] {
        ++runs;
        throw trouble();
      });
      CHECK_THROWS_AS(supervise({f}, {.restart = restart_policy::on_error}), trouble);
      CHECK(test::now_in_ms() == 0);
    });
    CHECK(runs == 6);
  }

  TEST_CASE("who returns at once for ever is given up, too") {
    int runs = 0;
    std::string why;
    testing::run([&] {
      const auto f = spin({.name = "eager"}, [&] { ++runs; });
      try {
        supervise({f}, {.restart = restart_policy::always});
      } catch (const std::runtime_error& e) {
        why = e.what();
      }
    });
    CHECK(runs == 6);
    CHECK(why == "fiber \"eager\" ended more than 5 times in 60 s");
  }

  TEST_CASE("restarts by others do not count") {
    trace log;
    testing::run([&] {
      const auto f = spin([&log, n = 0]() mutable {
        log(++n);
        if (n < 5) suspend();
      });
      const auto sup = spin(
          [&] { supervise({f}, {.restart = restart_policy::on_error, .intensity = 0}); });
      for (int i = 0; i < 4; ++i) {
        testing::settle();
        CHECK(f.restart());
      }
      sup.await();
    });
    CHECK(log == trace{"1", "2", "3", "4", "5"});
  }

  TEST_CASE("the back-off is waited before each restart") {
    trace log;
    testing::run([&] {
      const auto f = spin(failing_after(10ms, log));
      const auto g = spin([&] {
        sleep(50ms);
        log.at("undisturbed");
      });
      CHECK_THROWS_AS(supervise({f, g}, {.restart = restart_policy::on_error,
                                         .intensity = 2,
                                         .backoff = 100ms}),
                      trouble);
      log.at("gave up");
      CHECK(testing::armed_timers() == 0);
    });
    CHECK(log == trace{"1@0", "undisturbed@50", "2@110", "3@220", "gave up@230"});
  }

  TEST_CASE("several wait out their back-off side by side") {
    trace log;
    testing::run([&] {
      trace runs;
      std::vector<fiber<>> all;
      for (int i = 0; i < 3; ++i) {
        all.push_back(spin([&log, i, n = 0]() mutable {
          sleep(i * 10ms);
          if (n++ == 0) throw trouble();
          log.at(i);
        }));
      }
      supervise(all, {.restart = restart_policy::on_error, .backoff = 100ms});
    });
    CHECK(log == trace{"0@100", "1@120", "2@140"});
  }
}

}  // namespace
}  // namespace motet
