// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::trouble;

TEST_SUITE("stop tokens of fibers") {
  TEST_CASE("a token is requested with the stop of its fiber, before that has run") {
    testing::run([] {
      std::stop_token token;
      const auto f = spin([&] {
        token = this_fiber::stop_token();
        suspend();
      });
      testing::settle();
      CHECK(token.stop_possible());
      CHECK_FALSE(token.stop_requested());
      CHECK(f.stop());
      CHECK(token.stop_requested());
      CHECK_FALSE(f.done());
    });
  }

  TEST_CASE("every way to stop a fiber requests its token") {
    const auto requested_by = [](auto&& ask) {
      bool requested = false;
      testing::run([&] {
        with_scope({.errors = error_policy::isolate}, [&](scope& s) {
          const auto f = s.spin([&] {
            const std::stop_token token = this_fiber::stop_token();
            CHECK(token == this_fiber::stop_token());
            const cleanup last([&] { requested = token.stop_requested(); });
            suspend();
          });
          testing::settle();
          ask(f, s);
        });
      });
      return requested;
    };
    CHECK(requested_by([](fiber<> f, scope&) { f.move_on(); }));
    CHECK(requested_by([](fiber<> f, scope&) { f.cancel(); }));
    CHECK(requested_by([](fiber<> f, scope&) { f.terminate(); }));
    CHECK(requested_by([](fiber<>, scope& s) { s.cancel(); }));
    CHECK(requested_by(
        [](fiber<>, scope& s) { s.spin([&s] { s.cancel("by another fiber"); }); }));
    CHECK_FALSE(requested_by([](fiber<> f, scope&) { f.raise(trouble()); }));
  }

  TEST_CASE("a timeout's token is requested when it fires, a later one is fresh") {
    trace log;
    testing::run([&] {
      std::stop_token inside;
      const std::stop_token before = this_fiber::stop_token();
      move_on_after(10ms, [&] {
        inside = this_fiber::stop_token();
        const std::stop_callback tell(inside, [&] { log.at("told"); });
        suspend();
      });
      CHECK(inside.stop_requested());
      CHECK_FALSE(before.stop_requested());
      CHECK(this_fiber::stop_token() == before);
      CHECK_FALSE(move_on_after(10ms, [] {
        CHECK_FALSE(this_fiber::stop_token().stop_requested());
        suspend();
      }));
      CHECK_FALSE(this_fiber::stop_token().stop_requested());
    });
    CHECK(log == trace{"told@10"});
  }

  TEST_CASE("a block's token is requested by all around it, not by those inside") {
    testing::run([] {
      std::stop_token middle;
      with_scope([&](scope& outer) {
        move_on_after(1h, [&] {
          middle = this_fiber::stop_token();
          move_on_after(10ms, [] { suspend(); });
          CHECK_FALSE(middle.stop_requested());
          outer.cancel();
          CHECK(middle.stop_requested());
        });
      });
    });
  }

  TEST_CASE("a token whose block was left is never requested any more") {
    testing::run([] {
      std::stop_token token;
      const auto f = spin([&] {
        move_on_after(1h, [&] { token = this_fiber::stop_token(); });
        suspend();
      });
      testing::settle();
      f.interrupt();
      CHECK_FALSE(token.stop_requested());
      CHECK_FALSE(token.stop_possible());
    });
  }

  TEST_CASE("a fiber that ends by itself leaves its token unrequested") {
    testing::run([] {
      std::stop_token token;
      spin([&] { token = this_fiber::stop_token(); }).await();
      CHECK_FALSE(token.stop_requested());
      CHECK_FALSE(token.stop_possible());
    });
  }

  TEST_CASE("asked for when cancelled already, a token is requested") {
    testing::run([] {
      with_scope([](scope& s) {
        s.cancel();
        CHECK(this_fiber::stop_token().stop_requested());
        move_on_after(1h, [] { CHECK(this_fiber::stop_token().stop_requested()); });
      });
      CHECK_FALSE(this_fiber::stop_token().stop_requested());
    });
  }

  TEST_CASE("behind a shield a token is requested once the shield is left") {
    trace log;
    testing::run([&] {
      std::stop_token outside;
      std::stop_token inside;
      const auto f = spin([&] {
        outside = this_fiber::stop_token();
        shield([&] {
          inside = this_fiber::stop_token();
          sleep(50ms);
          CHECK_FALSE(outside.stop_requested());
          CHECK_FALSE(inside.stop_requested());
          CHECK_FALSE(move_on_after(10ms, [&] {
            const std::stop_callback tell(this_fiber::stop_token(),
                                          [&] { log.at("inner timeout"); });
            suspend();
          }));
        });
        const std::stop_callback tell(inside, [&] { log.at("shield left"); });
        checkpoint();
      });
      testing::settle();
      CHECK(f.stop());
      CHECK_FALSE(outside.stop_requested());
      CHECK(f.outcome().stopped());
      CHECK(outside.stop_requested());
      CHECK(inside.stop_requested());
    });
    CHECK(log == trace{"inner timeout@60", "shield left@60"});
  }

  TEST_CASE("a shielded cleanup gets a token of its own, not that of what is stopped") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const std::stop_token token = this_fiber::stop_token();
        const cleanup last(
            [&] { log(this_fiber::stop_token().stop_requested() ? "yes" : "no"); });
        try {
          suspend();
        } catch (const cancelled&) {
          CHECK(token.stop_requested());
          for (int i = 0; i < 3; ++i) {
            shield([&] { CHECK_FALSE(this_fiber::stop_token().stop_requested()); });
            CHECK(this_fiber::stop_token().stop_requested());
          }
          throw;
        }
      });
      testing::settle();
      f.interrupt();
    });
    CHECK(log == trace{"no"});
  }

  TEST_CASE("a wait that cannot be cut short is told by its token") {
    trace log;
    testing::run([&] {
      const promise<> over;
      const auto f = spin([&] {
        // Such a thing is a job of another thread that has to be waited for.
        const std::stop_token token = this_fiber::stop_token();
        const std::stop_callback hurry(token, [over] { over.set(); });
        mask([&] {
          try {
            over.get();
          } catch (const cancelled&) {
            log.at("cut short");
            throw;
          }
        });
      });
      testing::settle();
      f.interrupt();
      CHECK(over.ready());
    });
    CHECK(log == trace{"cut short@0"});
  }

  TEST_CASE("fibers below are told, but those of a scope in a shield are not") {
    testing::run([] {
      std::stop_token child;
      std::stop_token grandchild;
      std::stop_token shielded;
      const auto parks = [](std::stop_token& token) {
        token = this_fiber::stop_token();
        suspend();
      };
      const auto f = spin([&] {
        spin(parks, std::ref(child));
        spin([&] { spin(parks, std::ref(grandchild)).await(); });
        shield([&] {
          with_scope([&](scope& s) {
            const auto inside = s.spin(parks, std::ref(shielded));
            sleep(10ms);
            CHECK_FALSE(shielded.stop_requested());
            inside.stop();
            CHECK(shielded.stop_requested());
          });
        });
      });
      testing::settle();
      f.stop();
      CHECK(child.stop_requested());
      CHECK(grandchild.stop_requested());
      CHECK_FALSE(shielded.stop_requested());
      CHECK(shielded.stop_possible());
      (void)f.outcome();
    });
  }

  TEST_CASE("a restarted fiber has a new token") {
    std::vector<std::stop_token> tokens;
    testing::run([&] {
      const auto f = spin([&] {
        tokens.push_back(this_fiber::stop_token());
        suspend();
      });
      testing::settle();
      f.restart();
      testing::settle();
      REQUIRE(tokens.size() == 2);
      CHECK(tokens[0].stop_requested());
      CHECK_FALSE(tokens[1].stop_requested());
      f.interrupt();
      CHECK(tokens[1].stop_requested());
    });
  }

  TEST_CASE("thousands of tokens are requested, and the last fiber's, too") {
    int told = 0;
    testing::run([&] {
      with_scope([&](scope& s) {
        for (int i = 0; i < 3000; ++i) {
          s.spin([&] {
            const std::stop_callback tell(this_fiber::stop_token(), [&] { ++told; });
            suspend();
          });
        }
        testing::settle();
        s.cancel();
      });
    });
    CHECK(told == 3000);
  }

  TEST_CASE("a sibling's failure requests the tokens of a scope") {
    trace log;
    testing::run([&] {
      CHECK_THROWS_AS(with_scope([&](scope& s) {
                        s.spin([&] {
                          const std::stop_callback tell(this_fiber::stop_token(), [&] {
                            log.at("told");
                            CHECK_FALSE(this_fiber::self());  // nobody runs
                          });
                          shield([&] {
                            sleep(1ms);
                            log.at("worked on");
                          });
                          sleep(1h);
                        });
                        s.spin([] {
                          sleep(10ms);
                          throw trouble();
                        });
                      }),
                      trouble);
    });
    CHECK(log == trace{"worked on@1", "told@10"});
  }

  TEST_CASE("outside of fibers a token is empty") {
    CHECK_FALSE(this_fiber::stop_token().stop_possible());
  }

  TEST_CASE("a token may go to a thread, which ends when the fiber is stopped") {
    std::atomic<bool> ended{false};
    testing::run([&] {
      const auto f = spin([&] {
        std::thread other([&, token = this_fiber::stop_token()] {
          while (!token.stop_requested())
            std::this_thread::yield();
          ended = true;
        });
        const cleanup last([&] { other.join(); });
        suspend();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      CHECK(ended);
    });
  }
}

}  // namespace
}  // namespace motet
