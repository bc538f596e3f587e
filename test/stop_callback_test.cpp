// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::trace;

TEST_SUITE("stop callbacks on fibers") {
  TEST_CASE("P-18: a stop out of a stop_callback takes effect at the next point") {
    trace log;
    testing::run([&] {
      std::stop_source source;
      const auto other = spin([&] {
        const cleanup last([&] { log("other unwound"); });
        suspend();
      });
      const auto f = spin([&] {
        const std::stop_callback both(source.get_token(), [&] {
          other.stop();
          this_fiber::self().stop();
          log("asked");
        });
        source.request_stop();
        log("on");
        checkpoint();
        log("never");
      });
      CHECK(f.outcome().stopped());
      CHECK(other.outcome().stopped());
    });
    CHECK(log == trace{"asked", "on", "other unwound"});
  }

  TEST_CASE("P-18: callbacks of a fiber's own token stop others, which stop others") {
    trace log;
    testing::run([&] {
      std::vector<fiber<>> chain(5);
      for (std::size_t i = 0; i < chain.size(); ++i) {
        chain[i] = spin([&, i] {
          const std::stop_callback pass_on(this_fiber::stop_token(), [&, i] {
            log(i);
            if (i + 1 < chain.size()) CHECK(chain[i + 1].stop());
            CHECK_FALSE(chain[i].stop());
            chain[0] << 1;
          });
          suspend();
        });
      }
      testing::settle();
      CHECK(chain[0].stop());
      log("back");
      for (const auto& f : chain)
        CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"0", "1", "2", "3", "4", "back"});
  }

  TEST_CASE("a callback may end scopes and tokens that are about to be told") {
    testing::run([] {
      std::optional<std::stop_callback<std::function<void()>>> second;
      with_scope([&](scope& s) {
        const auto f = s.spin([&] {
          const std::stop_callback first(this_fiber::stop_token(), [&] {
            second.reset();
            s.cancel();
          });
          suspend();
        });
        s.spin([&] {
          second.emplace(this_fiber::stop_token(), [] { FAIL("was taken back"); });
          suspend();
        });
        testing::settle();
        f.stop();
      });
    });
  }

  TEST_CASE("a timeout's callbacks run between two fibers, and may wake some") {
    trace log;
    testing::run([&] {
      const promise<> p;
      const auto woken = spin([&] {
        p.get();
        log.at("woken");
      });
      const auto f = spin([&] {
        move_on_after(10ms, [&] {
          const std::stop_callback tell(this_fiber::stop_token(), [&] { p.set(); });
          shield([] { sleep(20ms); });
          checkpoint();
        });
        log.at("f");
      });
      // Does not park in the meantime, nor look for more than its own.
      move_on_after(5ms, [] { suspend(); });
      f.await();
      woken.await();
    });
    CHECK(log == trace{"f@20", "woken@20"});
  }
}

}  // namespace
}  // namespace motet
