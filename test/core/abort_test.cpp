// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

namespace motet::detail {
namespace {

using test::trace;

/// An operation that ends when its completion comes, however often it is cancelled: as
/// those of a kernel do.
struct slow_operation : waiter, timer {
  int cancels = 0;
  bool refuses = false;    ///< Cannot be cancelled.
  bool completed = false;  ///< With its own result.

  /// Completes after `span`; if cancelled, 50 ms after that.
  void run(duration span) {
    scheduler& s = here("an operation");
    waiter::fiber = &enter_point(s);
    what = "an operation";
    deadline = add_saturated(s.time().now(), span);
    abort = [](waiter& w) noexcept {
      auto& self = static_cast<slow_operation&>(w);
      ++self.cancels;
      if (self.refuses) return;
      timer_heap& timers = this_scheduler->timers();
      timers.move(self, this_scheduler->time().now() + 50ms, timer_heap::rank::sleeper);
    };
    expired = [](timer& t) noexcept {
      auto& self = static_cast<slow_operation&>(t);
      self.completed = self.refuses || !self.aborted;
      if (self.completed) self.aborted = false;
      this_scheduler->unpark(*self.waiter::fiber);
    };
    s.timers().add(*this, timer_heap::rank::sleeper);
    park(s, *this);
  }
};

TEST_SUITE("core: abort") {
  TEST_CASE("R-22: an operation that is slow to cancel is asked once") {
    testing::run([] {
      trace log;
      slow_operation op;
      const auto f = spin([&] {
        with_scope([&](scope& s1) {
          with_scope([&](scope& s2) {
            const auto canceller = [&] {
              s1.cancel();
              s2.cancel();
            };
            spin(canceller);
            try {
              op.run(1h);
              log("never");
            } catch (const cancelled&) {
              log.at("cancelled");
              throw;
            }
          });
          log("never");
        });
        log.at("after");
      });
      f.await();
      CHECK(log == trace{"cancelled@50", "after@50"});
      CHECK(op.cancels == 1);
      CHECK_FALSE(op.completed);
    });
  }

  TEST_CASE("R-23: an operation that cannot be cancelled returns its result") {
    testing::run([] {
      trace log;
      slow_operation op;
      op.refuses = true;
      const auto f = spin([&] {
        op.run(200ms);
        log.at("completed");
        checkpoint();
        log("never");
      });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.stop() == false);
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"completed@200"});
      CHECK(op.cancels == 1);
      CHECK(op.completed);
    });
  }

  TEST_CASE("a wait that was cut short is not asked again by an exception") {
    testing::run([] {
      trace log;
      slow_operation op;
      const auto f = spin([&] { op.run(1h); });
      testing::settle();
      CHECK(f.stop());
      CHECK(f.raise("too late"));
      const auto how = f.outcome();
      log.at("ended");
      CHECK(how.stopped());
      CHECK(how.cause().contains<std::runtime_error>());
      CHECK(log == trace{"ended@50"});
      CHECK(op.cancels == 1);
    });
  }
}

}  // namespace
}  // namespace motet::detail
