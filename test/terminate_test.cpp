// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <stop_token>

namespace motet {
namespace {

using test::cleanup;
using test::trace;

/// Parks until somebody asks politely.
void wait_for_token() {
  const promise<> asked;
  const std::stop_callback tell(this_fiber::stop_token(), [asked] { asked.set(); });
  asked.get();
}

TEST_SUITE("terminate") {
  TEST_CASE("V-21: with grace a fiber comes to its end, without it is unwound") {
    for (const bool graceful : {false, true}) {
      CAPTURE(graceful);
      trace log;
      testing::run([&] {
        const auto f = spin([&] {
          log("1");
          const cleanup last([&] { log("2"); });
          sleep(500ms);
          log("4");
        });
        testing::settle();
        CHECK((graceful ? f.terminate(1s) : f.terminate()));
        f.await();
      });
      CHECK(log == (graceful ? trace{"1", "4", "2"} : trace{"1", "2"}));
    }
  }

  TEST_CASE("V-21: a cleanup does more if there is time for it") {
    for (const bool graceful : {false, true}) {
      CAPTURE(graceful);
      trace log;
      testing::run([&] {
        const auto f = spin([&] {
          log("1");
          try {
            wait_for_token();
            log("2");
            sleep(500ms);  // says goodbye
            log.at("4");
          } catch (const cancelled&) {
            log("2");
            throw;
          }
        });
        testing::settle();
        CHECK((graceful ? f.terminate(1s) : f.terminate()));
        CHECK(f.outcome().stopped() == !graceful);
      });
      CHECK(log == (graceful ? trace{"1", "2", "4@500"} : trace{"1", "2"}));
    }
  }

  TEST_CASE("V-21: children are asked politely, too, and end before their parent") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        for (const int i : {1, 2}) {
          spin([&log, i] {
            wait_for_token();
            sleep(100ms);
            log.at(i);
          });
        }
        wait_for_token();
        with_scope([&](scope& s) { s.spin([] { sleep(200ms); }); });
      });
      testing::settle();
      CHECK(f.terminate(1s));
      CHECK_FALSE(f.cancel_requested());
      f.await();
      log.at("ended");
    });
    CHECK(log == trace{"1@100", "2@100", "ended@200"});
  }

  TEST_CASE("V-22: a fiber that is terminated drains its mailbox") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          for (;;)
            log(receive<int>());
        } catch (const cancelled& c) {
          if (c.reason().kind == cancel_kind::terminate) {
            for (const int n : receive_all_pending<int>())
              log(n);
          }
          throw;
        }
      });
      f << 1 << 2;
      testing::settle();
      f << 3 << 4 << 5;
      CHECK(f.terminate());
      f.await();
    });
    CHECK(log == trace{"1", "2", "3", "4", "5"});
  }

  TEST_CASE("tokens come at once, the stop when the grace is over") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const std::stop_callback tell(this_fiber::stop_token(), [&] { log.at("token"); });
        const auto child = spin([&] {
          const std::stop_callback tell_child(this_fiber::stop_token(),
                                              [&] { log.at("child's"); });
          suspend();
        });
        const cleanup last([&] { log.at("unwound"); });
        suspend();
      });
      sleep(1ms);
      CHECK(f.terminate(10ms));
      CHECK(f.outcome().stopped());
      CHECK(f.outcome().reason().kind == cancel_kind::terminate);
    });
    CHECK(log == trace{"child's@1", "token@1", "unwound@11"});
  }

  TEST_CASE("a token asked for during the grace is requested, here and below") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const std::stop_token early = this_fiber::stop_token();
        sleep(5ms);
        CHECK(early.stop_requested());
        CHECK(this_fiber::stop_token().stop_requested());
        move_on_after(1h, [] { CHECK(this_fiber::stop_token().stop_requested()); });
        shield([] { CHECK_FALSE(this_fiber::stop_token().stop_requested()); });
        spin([] { CHECK(this_fiber::stop_token().stop_requested()); }).await();
        checkpoint();
        log.at("on");
      });
      testing::settle();
      f.terminate(10ms);
      CHECK_FALSE(this_fiber::stop_token().stop_requested());
      f.await();
    });
    CHECK(log == trace{"on@5"});
  }

  TEST_CASE("a grace that began behind a shield is heard of when that is left") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const std::stop_callback tell(this_fiber::stop_token(), [&] { log.at("token"); });
        shield([] { sleep(5ms); });
        checkpoint();
        log.at("on");
        sleep(1h);
      });
      testing::settle();
      f.terminate(10ms);
      f.await();
      log.at("stopped");
    });
    CHECK(log == trace{"token@5", "on@5", "stopped@10"});
  }

  TEST_CASE("a fiber that was not started has its grace, too") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        CHECK(this_fiber::stop_token().stop_requested());
        sleep(5ms);
        log.at("in time");
      });
      CHECK(f.terminate(10ms));
      f.await();
      const auto g = spin([&] { log("never"); });
      CHECK(g.terminate());
      g.await();
    });
    CHECK(log == trace{"in time@5"});
  }

  TEST_CASE("of stop and terminate the earliest counts, and the first meaning") {
    testing::run([] {
      const auto ends_at = [](auto&& ask) {
        const time_point begin = clock::now();
        const auto f = spin([]() -> int { suspend(); });
        testing::settle();
        ask(f);
        (void)f.outcome();
        return clock::now() - begin;
      };
      CHECK(ends_at([](auto& f) {
              CHECK(f.terminate(10s));
              CHECK(f.stop());
              CHECK_FALSE(f.stop());
              CHECK_FALSE(f.terminate());
            }) == 0s);
      CHECK(ends_at([](auto& f) {
              CHECK(f.terminate(10s));
              CHECK(f.terminate(2s));
              CHECK_FALSE(f.terminate(3s));
            }) == 2s);
      CHECK(ends_at([](auto& f) {
              CHECK(f.terminate(10s));
              sleep(1s);
              CHECK_FALSE(f.restart());
              CHECK(f.move_on(5));
              (void)f.outcome();
              CHECK(f.outcome().stopped());
            }) == 1s);
      CHECK(ends_at([](auto& f) {
              CHECK(f.restart());
              CHECK(f.terminate());
              CHECK_FALSE(f.restart());
            }) == 0s);
      CHECK(ends_at([](auto& f) {
              CHECK(f.move_on(5));
              CHECK_FALSE(f.terminate(1s));
              CHECK(f.outcome().value() == 5);
            }) == 0s);
    });
  }

  TEST_CASE("a fiber that ends during its grace leaves no timer") {
    trace log;
    testing::run([&] {
      const auto f = spin([] { sleep(5ms); });
      testing::settle();
      CHECK(f.terminate(1h));
      f.await();
      CHECK_FALSE(f.terminate(1h));
    });
    CHECK(log == trace{});
  }

  TEST_CASE("cleanup that fails makes a terminated fiber fail") {
    testing::run([] {
      const auto f = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw test::trouble("of the cleanup");
        }
      });
      testing::settle();
      f.terminate();
      CHECK_THROWS_WITH_AS(f.await(), "of the cleanup", test::trouble);
    });
  }

  TEST_CASE("a stop during the grace comes second in the cause") {
    testing::run([] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      CHECK(f.terminate(10s));
      CHECK(f.stop("now"));
      const auto requests = f.outcome().cause().requests();
      REQUIRE(requests.size() == 2);
      CHECK(requests[0].kind == cancel_kind::terminate);
      CHECK(requests[1].kind == cancel_kind::stop);
      CHECK(requests[1].message == "now");
    });
  }

  TEST_CASE("B-07: who asks for ever is remembered a hundred times") {
    testing::run([] {
      const auto f = spin([] { shield([] { sleep(1s); }); });
      testing::settle();
      CHECK(f.stop("first"));
      for (int i = 0; i < 1'000; ++i)
        CHECK_FALSE(f.stop("again"));
      const auto how = f.outcome();
      CHECK(how.reason().message == "first");
      CHECK(how.cause().requests().size() == 100);
    });
  }
}

}  // namespace
}  // namespace motet
