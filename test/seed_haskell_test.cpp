// SPDX-License-Identifier: MIT

// Asynchronous exceptions as Haskell has them, by the examples of its documentation:
// masking states, timeouts, bracket, modifyMVar. `mask` there is `mask` here,
// `uninterruptibleMask` is `shield`. Where motet differs on purpose the name says so.

#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

/// getMaskingState, in Haskell's words.
std::string masking_here() {
  switch (this_fiber::masking()) {
    case masking_state::open:
      return "Unmasked";
    case masking_state::masked:
      return "MaskedInterruptible";
    case masking_state::shielded:
      return "MaskedUninterruptible";
  }
  return {};
}

TEST_SUITE("Haskell's masking states") {
  TEST_CASE("getMaskingState tells where one is") {
    testing::run([] {
      CHECK(masking_here() == "Unmasked");
      CHECK(mask(masking_here) == "MaskedInterruptible");
      CHECK(shield(masking_here) == "MaskedUninterruptible");
      CHECK(masking_here() == "Unmasked");
    });
  }

  TEST_CASE("restore goes back to the state in which mask was entered") {
    testing::run([] {
      CHECK(mask([](auto restore) { return restore(masking_here); }) == "Unmasked");
      CHECK(shield([](auto restore) { return restore(masking_here); }) == "Unmasked");
      // mask $ \_ -> mask $ \restore -> restore getMaskingState
      CHECK(mask([] {
              return mask([](auto restore) { return restore(masking_here); });
            }) == "MaskedInterruptible");
      CHECK(mask([] {
              return shield([](auto restore) { return restore(masking_here); });
            }) == "MaskedInterruptible");
      CHECK(shield([] {
              return shield([](auto restore) { return restore(masking_here); });
            }) == "MaskedUninterruptible");
    });
  }

  TEST_CASE("mask inside of uninterruptibleMask does not weaken it") {
    testing::run([] {
      CHECK(shield([] { return mask(masking_here); }) == "MaskedUninterruptible");
      CHECK(mask([] { return shield(masking_here); }) == "MaskedUninterruptible");
    });
  }

  TEST_CASE("what is masked again in restore is as it was, step by step") {
    trace log;
    testing::run([&] {
      mask([&](auto restore) {
        log(masking_here());
        restore([&] {
          log(masking_here());
          shield([&] { log(masking_here()); });
          log(masking_here());
        });
        log(masking_here());
      });
      log(masking_here());
    });
    CHECK(log == trace{"MaskedInterruptible", "Unmasked", "MaskedUninterruptible",
                       "Unmasked", "MaskedInterruptible", "Unmasked"});
  }

  TEST_CASE("an exception that leaves a mask restores the state") {
    testing::run([] {
      CHECK_THROWS_AS(mask([] { throw trouble(); }), trouble);
      CHECK(masking_here() == "Unmasked");
      CHECK_THROWS_AS(
          mask([](auto restore) { restore([] { shield([] { throw trouble(); }); }); }),
          trouble);
      CHECK(masking_here() == "Unmasked");
    });
  }

  TEST_CASE("a difference: handlers are not masked, what unwinds is") {
    trace log;
    testing::run([&] {
      try {
        const cleanup unwound([&] { log("destructor: " + masking_here()); });
        throw trouble();
      } catch (const trouble&) {
        log("handler: " + masking_here());
      }
    });
    CHECK(log == trace{"destructor: MaskedUninterruptible", "handler: Unmasked"});
  }

  TEST_CASE("a difference: a forked thread does not inherit the state") {
    testing::run([] {
      CHECK(mask([] { return spin(masking_here); }).await() == "Unmasked");
      CHECK(shield([] { return spin(masking_here).await(); }) == "Unmasked");
    });
  }
}

TEST_SUITE("Haskell's timeouts") {
  using nested = std::optional<std::optional<int>>;

  nested timeout_in_timeout(duration outer, duration inner, duration needed) {
    return move_on_after(outer, [&] {
      return move_on_after(inner, [&] {
        sleep(needed);
        return 1;
      });
    });
  }

  TEST_CASE("timeouts nest: each takes its own exception and no other") {
    testing::run([] {
      CHECK((timeout_in_timeout(2s, 1s, 3s) == nested(std::optional<int>())));
      CHECK((timeout_in_timeout(1s, 2s, 3s) == nested()));
      CHECK((timeout_in_timeout(2s, 2s, 1s) == nested(1)));
      CHECK((timeout_in_timeout(1s, 1s, 3s) == nested()));
    });
  }

  TEST_CASE("a computation may catch everything, and times out all the same") {
    trace log;
    testing::run([&] {
      const bool finished = move_on_after(1s, [&] {
        try {
          sleep(2s);
        } catch (const std::exception&) {
          log("never: a timeout is not for whom it interrupts");
        }
      });
      log.at(finished);
    });
    CHECK(log == trace{"false@1000"});
  }

  TEST_CASE("an outer timeout cuts an inner one's cleanup loop, but only after it") {
    trace log;
    testing::run([&] {
      move_on_after(15ms, [&] {
        move_on_after(10ms, [&] {
          const cleanup last([&] {
            sleep(10ms);  // bracket's release: not interrupted by the outer one
            log.at("released");
          });
          suspend();
        });
        sleep(10ms);
        log("never");
      });
      log.at("out");
    });
    CHECK(log == trace{"released@20", "out@20"});
  }

  TEST_CASE("a difference: a timeout of 0 runs its body to the first point") {
    trace log;
    testing::run([&] {
      CHECK_FALSE(move_on_after(0s, [&] {
        log("in");
        sleep(1s);
      }));
      CHECK(move_on_after(0s, [] { return 1; }) == 1);
      // And a negative one is not "for ever".
      CHECK_FALSE(move_on_after(-1s, [] { sleep(1s); }));
    });
    CHECK(log == trace{"in"});
  }
}

TEST_SUITE("Haskell's bracket") {
  /// bracket (acquire) (release) (use), each taking 10 ms.
  void bracket(trace & log) {
    acquire_use_release(
        [&] {
          sleep(10ms);
          log.at("acquired");
          return 1;
        },
        [&](int) {
          sleep(10ms);
          log.at("used");
        },
        [&](int) {
          sleep(10ms);
          log.at("released");
        });
  }

  trace killed_at(duration when) {
    trace log;
    testing::run([&] {
      const auto f = spin([&] { bracket(log); });
      sleep(when);
      f.interrupt("killThread");
    });
    return log;
  }

  TEST_CASE("what was acquired is released, wherever the thread is killed") {
    CHECK(killed_at(0ms) == trace{});
    CHECK(killed_at(5ms) == trace{"acquired@10", "released@20"});
    CHECK(killed_at(15ms) == trace{"acquired@10", "released@25"});
    CHECK(killed_at(25ms) == trace{"acquired@10", "used@20", "released@30"});
    CHECK(killed_at(35ms) == trace{"acquired@10", "used@20", "released@30"});
  }

  TEST_CASE("brackets nest: what was acquired last is released first") {
    trace log;
    testing::run([&] {
      const auto hold = [&](const char* name, auto use) {
        acquire_use_release([&] { return log(name), name; }, use,
                            [&](const char* held) { log("-" + std::string(held)); });
      };
      const auto f = spin([&] {
        hold("a", [&](const char*) { hold("b", [](const char*) { suspend(); }); });
      });
      testing::settle();
      f.interrupt();
    });
    CHECK(log == trace{"a", "b", "-b", "-a"});
  }

  TEST_CASE("finally and onException: one always, the other if it went wrong") {
    trace log;
    testing::run([&] {
      const auto run_once = [&](bool fails) {
        const finally always([&] { log("finally"); });
        try {
          if (fails) throw trouble();
        } catch (...) {
          log("onException");
          throw;
        }
      };
      run_once(false);
      CHECK_THROWS_AS(run_once(true), trouble);
    });
    CHECK(log == trace{"finally", "onException", "finally"});
  }
}

TEST_SUITE("Haskell's modifyMVar") {
  TEST_CASE("modifyMVar_ puts the old value back if it is interrupted") {
    testing::run([] {
      guarded<std::string> m("old");
      const auto f = spin([&] {
        m.modify([](std::string& value) {
          value = "new";
          suspend();
        });
      });
      testing::settle();
      f.interrupt();
      CHECK(m.read([](const std::string& value) { return value; }) == "old");
    });
  }

  TEST_CASE("modifyTwo: both or none, wherever it is interrupted") {
    struct pair {
      int a = 0;
      int b = 0;
    };
    const auto report = testing::cancel_everywhere({.each_fiber = true}, [] {
      guarded<int> ma(0);
      guarded<int> mb(0);
      const auto modify_two = [&] {
        mb.modify([&](int& b) {
          ma.modify([&](int& a) {
            sleep(1ms);
            ++a;
            ++b;
          });
        });
      };
      with_scope([&](scope& s) {
        s.spin(modify_two);
        s.spin(modify_two);
      });
      shield([&] {
        const auto same = [](const int& value) { return value; };
        if (ma.read(same) != mb.read(same)) throw trouble("only one was modified");
      });
    });
    CHECK(report.points >= 6);
  }
}

}  // namespace
}  // namespace motet
