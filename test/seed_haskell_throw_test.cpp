// SPDX-License-Identifier: MIT

// Haskell's throwTo: it returns when the exception was received. More in
// seed_haskell_test.cpp.

#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <string>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("Haskell's throwTo") {
  TEST_CASE("throwTo returns when the exception was received") {
    trace log;
    testing::run([&] {
      const auto target = spin([&] {
        try {
          suspend();
        } catch (const trouble&) {
          log.at("received");
        }
      });
      testing::settle();
      target.throw_to(trouble());
      log.at("returned");
    });
    CHECK(log == trace{"received@0", "returned@0"});
  }

  TEST_CASE("throwTo waits as long as the target is masked") {
    trace log;
    testing::run([&] {
      const auto target = spin([&] {
        try {
          shield([&] {
            sleep(50ms);
            log.at("masked until now");
          });
          checkpoint();
        } catch (const trouble&) {
          log.at("received");
        }
      });
      testing::settle();
      target.throw_to(trouble());
      log.at("returned");
    });
    CHECK(log == trace{"masked until now@50", "received@50", "returned@50"});
  }

  TEST_CASE("a mask lets throwTo in where the target blocks") {
    trace log;
    testing::run([&] {
      const auto target = spin([&] {
        mask([&] {
          checkpoint();
          log("not there");
          try {
            sleep(1s);
          } catch (const trouble&) {
            log.at("interruptible");
          }
        });
      });
      testing::settle();
      target.throw_to(trouble());
    });
    CHECK(log == trace{"not there", "interruptible@0"});
  }

  TEST_CASE("throwTo is interruptible itself: then nothing was thrown") {
    trace log;
    testing::run([&] {
      const auto target = spin([&] {
        shield([] { sleep(50ms); });
        checkpoint();
        log("nothing came");
      });
      testing::settle();
      CHECK_FALSE(move_on_after(10ms, [&] { target.throw_to(trouble()); }));
      target.await();
    });
    CHECK(log == trace{"nothing came"});
  }

  TEST_CASE("throwTo a thread that has finished returns at once") {
    testing::run([] {
      const auto target = spin([] {});
      target.await();
      CHECK_FALSE(target.throw_to(trouble()));
    });
  }

  TEST_CASE("throwTo oneself throws at once, masked or not") {
    testing::run([] {
      CHECK_THROWS_AS(this_fiber::self().throw_to(trouble()), trouble);
      CHECK_THROWS_AS(shield([] { this_fiber::self().throw_to(trouble()); }), trouble);
    });
  }

  TEST_CASE("two threads that throw at each other do not hang: one comes first") {
    trace log;
    testing::run([&] {
      struct attack {
        fiber_ref whom;
      };
      const auto attacker = [&](const std::string& name) {
        return spin([&log, name] {
          const fiber_ref other = receive<attack>().whom;
          try {
            other.throw_to(trouble());
            log(name + " has thrown");
          } catch (const trouble&) {
            log(name + " was hit");
          }
        });
      };
      const auto a = attacker("a");
      const auto b = attacker("b");
      testing::settle();
      a << attack{b};
      b << attack{a};
      a.await();
      b.await();
    });
    CHECK(log == trace{"b was hit", "a has thrown"});
  }
}

}  // namespace
}  // namespace motet
