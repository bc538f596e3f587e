// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace motet {
namespace {

using test::trace;
using test::trouble;

/// What the calls in the tables work on.
struct things {
  promise<int> kept;
  promise<> open;
  fiber<int> dead = spin([] { return 1; });
  fiber<> parked = spin([] { suspend(); });
  fiber<> doomed = spin([] { suspend(); });
  int runs = 0;  ///< Of blocks that are not to run.

  things() {
    testing::settle();
    this_fiber::self() << 7;
    kept.set(7);
  }
};

struct call {
  const char* name;
  std::function<void(things&)> make;
};

const std::vector<call>& points() {
  static const std::vector<call> all{
      {"checkpoint", [](things&) { checkpoint(); }},
      {"yield", [](things&) { yield(); }},
      {"suspend", [](things&) { suspend(); }},
      {"sleep(0)", [](things&) { sleep(0ms); }},
      {"sleep(-1s)", [](things&) { sleep(-1s); }},
      {"sleep", [](things&) { sleep(1s); }},
      {"sleep_until now", [](things&) { sleep_until(clock::now()); }},
      {"sleep_until", [](things&) { sleep_until(clock::now() + 1s); }},
      {"every", [](things& t) { every(1s, [&] { ++t.runs; }); }},
      {"receive one", [](things&) { (void)receive<int>(); }},
      {"receive one of two", [](things&) { (void)receive<int, std::string>(); }},
      {"receive by handlers", [](things& t) { receive([&](const int&) { ++t.runs; }); }},
      {"receive_any", [](things&) { (void)receive_any(); }},
      {"receive_loop", [](things& t) { receive_loop([&](const int&) { ++t.runs; }); }},
      {"await", [](things& t) { t.dead.await(); }},
      {"outcome", [](things& t) { (void)t.dead.outcome(); }},
      {"wait", [](things& t) { (void)t.dead.wait(); }},
      {"interrupt of a dead fiber", [](things& t) { t.dead.interrupt(); }},
      {"interrupt", [](things& t) { t.doomed.interrupt(); }},
      {"interrupt_all", [](things& t) { interrupt_all(t.doomed, t.dead); }},
      {"interrupt_all of none", [](things&) { interrupt_all(std::vector<fiber<>>{}); }},
      {"promise::get", [](things& t) { t.open.get(); }},
      {"promise::get of one that is set", [](things& t) { (void)t.kept.get(); }},
      {"await_all", [](things& t) { await_all(t.dead, t.dead); }},
      {"await_all of none", [](things&) { await_all(std::vector<fiber<int>>{}); }},
      {"throw_to", [](things& t) { t.parked.throw_to(trouble()); }},
      {"throw_to a dead fiber", [](things& t) { t.dead.throw_to(trouble()); }},
      {"send", [](things& t) { t.parked.send(8); }},
      {"send to a dead fiber", [](things& t) { t.dead.send(8); }},
      {"restore",
       [](things& t) { shield([&](auto restore) { restore([&] { ++t.runs; }); }); }},
  };
  return all;
}

const std::vector<call>& non_points() {
  static const std::vector<call> all{
      {"spin", [](things&) { spin([] {}); }},
      {"spin into a scope",
       [](things&) {
         with_scope([](scope& s) { s.spin({.start = start_policy::always}, [] {}); });
       }},
      {"with_scope", [](things&) { with_scope([](scope&) {}); }},
      {"scope::cancel", [](things&) { with_scope([](scope& s) { s.cancel(); }); }},
      {"scope::size", [](things&) { with_scope([](scope& s) { (void)s.size(); }); }},
      {"scope_ref::cancel",
       [](things&) { with_scope([](scope& s) { s.ref().cancel(); }); }},
      {"<<", [](things& t) { t.parked << 1; }},
      {"<< to a dead fiber", [](things& t) { t.dead << 1; }},
      {"try_receive", [](things&) { CHECK_FALSE(try_receive<std::string>()); }},
      {"receive_all_pending", [](things&) { (void)receive_all_pending<std::string>(); }},
      {"monitor", [](things& t) { t.parked.monitor(); }},
      {"unmonitor", [](things& t) { t.parked.unmonitor(); }},
      {"unmonitor and flush", [](things& t) { t.dead.unmonitor({.flush = true}); }},
      {"link", [](things& t) { CHECK(link(t.doomed)); }},
      {"promise::set",
       [](things& t) {
         CHECK(t.open.set());
         CHECK_FALSE(t.kept.set_exception(trouble()));
       }},
      {"stop_token", [](things&) { (void)this_fiber::stop_token(); }},
      {"state", [](things& t) { (void)t.parked.state(); }},
      {"name", [](things& t) { (void)t.parked.name(); }},
      {"children", [](things&) { (void)this_fiber::self().children(); }},
      {"try_outcome", [](things& t) { (void)t.dead.try_outcome(); }},
      {"dump", [](things&) { (void)dump(); }},
      {"deadline", [](things&) { (void)this_fiber::deadline(); }},
      {"shield", [](things&) { shield([] {}); }},
      {"shield with restore", [](things&) { shield([](auto) {}); }},
      {"move_on_after", [](things&) { CHECK(move_on_after(1s, [] {})); }},
      {"cancel_after", [](things&) { cancel_after(1s, [] {}); }},
      {"timeout",
       [](things&) {
         move_on_after(1s, [](timeout& t) {
           CHECK(t.reset());
           CHECK(t.reset(2s));
           CHECK(t.reset_at(clock::now() + 1s));
           CHECK(t.remaining() == 1s);
           CHECK(t.disarm());
           CHECK(t.cancel_now());
         });
       }},
      {"cancel_on", [](things&) { cancel_on(std::stop_token(), [] {}); }},
      {"busy", [](things&) { testing::busy(0ms); }},
      {"settle", [](things&) { testing::settle(); }},
      {"scoped_fiber", [](things&) { const scoped_fiber f(spin([] { suspend(); })); }},
      {"raise", [](things& t) { t.dead.raise(trouble()); }},
      {"restart", [](things& t) { t.parked.restart(); }},
      {"terminate with grace", [](things& t) { t.parked.terminate(1s); }},
      {"move_on", [](things& t) { t.parked.move_on(); }},
      {"stop", [](things& t) { t.doomed.stop(); }},
      {"cancel", [](things& t) { t.doomed.cancel(); }},
      {"terminate", [](things& t) { t.doomed.terminate(); }},
  };
  return all;
}

/// Makes each call, and names those that return.
void log_returns(trace& log, things& with) {
  for (const call& each : points()) {
    try {
      each.make(with);
      log(each.name);
    } catch (const cancelled&) {  // as it is to be
    } catch (const std::exception& e) {
      log(std::string(each.name) + ": " + e.what());
    }
  }
}

void check_untouched(const things& t) {
  CHECK(t.runs == 0);
  CHECK(receive_all_pending<int>() == std::vector<int>{7});
  CHECK(t.parked.state() == fiber_phase::parked);
  CHECK_FALSE(t.parked.cancel_requested());
  t.parked.stop();
  CHECK_FALSE(t.parked.outcome().cause().contains<trouble>());
}

TEST_SUITE("basics: points") {
  TEST_CASE("B-08 (R1, R2): every point looks first, and then nothing has happened") {
    trace returned;
    testing::run([&] {
      things t;
      with_scope([&](scope& s) {
        s.cancel();
        log_returns(returned, t);
      });
      check_untouched(t);
      CHECK(t.doomed.cancel_requested());  // a request is no wait: it was made
      CHECK(test::now_in_ms() == 0);
    });
    CHECK(returned == trace{});
  }

  TEST_CASE("B-08 (R1, R2): every point of a fiber that was stopped throws") {
    trace returned;
    testing::run([&] {
      const auto f = spin([&] {
        things t;
        this_fiber::self().stop();
        log_returns(returned, t);
        CHECK(t.runs == 0);
        CHECK(receive_all_pending<int>() == std::vector<int>{7});
      });
      CHECK_FALSE(f.outcome().failed());
      CHECK(test::now_in_ms() == 0);
    });
    CHECK(returned == trace{});
  }

  TEST_CASE("B-08 (R1, R2): every point throws what was raised") {
    trace other;
    testing::run([&] {
      things t;
      for (const call& each : points()) {
        this_fiber::self().raise(trouble());
        try {
          each.make(t);
          other(each.name);
        } catch (const trouble&) {  // as it is to be
        } catch (const std::exception& e) {
          other(std::string(each.name) + ": " + e.what());
        }
        CHECK_NOTHROW(checkpoint());
      }
      check_untouched(t);
      CHECK(test::now_in_ms() == 0);
    });
    CHECK(other == trace{});
  }

  TEST_CASE("B-09 (R1): what is no point never throws, whatever is pending") {
    trace log;
    testing::run([&] {
      things t;
      with_scope([&](scope& s) {
        s.cancel();
        for (const call& each : non_points()) {
          try {
            each.make(t);
          } catch (const cancelled&) {
            log(each.name);
          }
        }
        CHECK_THROWS_AS(checkpoint(), cancelled);
      });
    });
    CHECK(log == trace{});
  }

  TEST_CASE("B-09 (R1): what is no point never throws what was raised") {
    trace log;
    testing::run([&] {
      things t;
      this_fiber::self().raise(trouble());
      for (const call& each : non_points()) {
        try {
          each.make(t);
        } catch (const trouble&) {
          log(each.name);
        }
      }
      CHECK_THROWS_AS(checkpoint(), trouble);
    });
    CHECK(log == trace{});
  }
}

}  // namespace
}  // namespace motet
