// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::trouble;

/// Numbers connections, and counts how many there are.
struct maker {
  int made = 0;
  int alive = 0;
  int most = 0;

  struct connection {
    maker& of;
    int number;
    bool in_use = false;

    explicit connection(maker& m) : of(m), number(++m.made) {
      of.most = std::max(of.most, ++of.alive);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { --of.alive; }
  };

  auto slow() {
    return [this] {
      sleep(1ms);
      return connection(*this);
    };
  }
};

using pool_of_connections = resource_pool<maker::connection>;

TEST_SUITE("resource_pool") {
  TEST_CASE("resources are made as they are needed, and kept") {
    testing::run([] {
      maker m;
      pool_of_connections pool(2, m.slow());
      CHECK(pool.size() == 0);
      {
        const auto a = pool.acquire();
        CHECK(a->number == 1);
        CHECK((*a).number == 1);
        CHECK(pool.size() == 1);
        CHECK(pool.idle() == 0);
      }
      CHECK(pool.idle() == 1);
      CHECK(pool.use([](maker::connection& c) { return c.number; }) == 1);
      const auto first = pool.acquire();
      const auto second = pool.acquire();
      CHECK(second->number == 2);
      CHECK(pool.size() == 2);
    });
  }

  TEST_CASE("no more than the limit are lent at a time, first come, first served") {
    trace log;
    testing::run([&] {
      maker m;
      pool_of_connections pool(2, m.slow());
      with_scope([&](scope& s) {
        for (const char* name : {"a", "b", "c", "d"}) {
          s.spin([&, name] {
            pool.use([&](maker::connection& c) {
              log.at(name + std::to_string(c.number));
              sleep(10ms);
            });
          });
        }
        sleep(5ms);
        CHECK(pool.waiting() == 2);
      });
      CHECK(m.most == 2);
      CHECK(pool.idle() == 2);
    });
    CHECK(log == trace{"a1@1", "b2@1", "c2@11", "d1@11"});
  }

  TEST_CASE("C-18: a cancelled waiter passes the resource on") {
    trace log;
    testing::run([&] {
      maker m;
      pool_of_connections pool(1, m.slow());
      std::optional held(pool.acquire());
      const auto wants = [&](const char* name) {
        return spin([&, name] { pool.use([&](auto&) { log(name); }); });
      };
      const auto before = wants("never");
      const auto after = wants("given, then stopped");
      const auto last = wants("last");
      testing::settle();
      before.stop();
      held.reset();
      after.stop();
      last.await();
      CHECK(after.outcome().stopped() == false);  // it had its turn, and did not park
      CHECK(pool.idle() == 1);
      CHECK(m.made == 1);
    });
    CHECK(log == trace{"given, then stopped", "last"});
  }

  TEST_CASE("C-18: a cancelled holder gives the resource back") {
    testing::run([] {
      maker m;
      pool_of_connections pool(1, m.slow());
      const auto holder = spin([&] { pool.use([](auto&) { suspend(); }); });
      const auto leaser = spin([&] {
        const auto lease = pool.acquire();
        suspend();
      });
      sleep(5ms);
      holder.interrupt();
      testing::settle();
      CHECK(pool.idle() == 0);
      leaser.interrupt();
      CHECK(pool.idle() == 1);
      CHECK(m.made == 1);
    });
  }

  TEST_CASE("C-18: after an error the resource is discarded, and another may be made") {
    testing::run([] {
      maker m;
      pool_of_connections pool(1, m.slow());
      CHECK_THROWS_AS(pool.use([](auto&) { throw trouble(); }), trouble);
      CHECK(pool.size() == 0);
      CHECK(m.alive == 0);
      CHECK(pool.use([](auto& c) { return c.number; }) == 2);
      auto lease = pool.acquire();
      lease.discard();
      CHECK_FALSE(lease);
      CHECK(pool.size() == 0);
      CHECK(pool.acquire()->number == 3);
    });
  }

  TEST_CASE("a resource that cannot be made leaves its place to the next in line") {
    trace log;
    testing::run([&] {
      int tries = 0;
      resource_pool<int> pool(1, [&] {
        sleep(1ms);
        if (++tries == 1) throw trouble();
        return tries;
      });
      const auto a = spin([&] { (void)pool.acquire(); });
      const auto b = spin([&] { log.at(*pool.acquire()); });
      CHECK_THROWS_AS(a.await(), trouble);
      b.await();
      CHECK(pool.size() == 1);
    });
    CHECK(log == trace{"2@2"});
  }

  TEST_CASE("C-18: one that is cancelled while it is made leaves its place, too") {
    testing::run([] {
      maker m;
      pool_of_connections pool(1, m.slow());
      const auto a = spin([&] { (void)pool.acquire(); });
      const auto b = spin([&] { return pool.use([](auto& c) { return c.number; }); });
      testing::settle();
      a.interrupt();
      CHECK(b.await() == 1);
      CHECK(pool.size() == 1);
    });
  }

  TEST_CASE("a lease moves, and what it had before goes back") {
    testing::run([] {
      maker m;
      pool_of_connections pool(2, m.slow());
      auto a = pool.acquire();
      auto b = std::move(a);
      CHECK_FALSE(a);
      CHECK(b->number == 1);
      b = pool.acquire();
      CHECK(b->number == 2);
      CHECK(pool.idle() == 1);
    });
  }

  TEST_CASE("a pool makes with what can only be moved") {
    testing::run([] {
      resource_pool<std::unique_ptr<int>> pool(
          1, [n = std::make_unique<int>(7)] { return std::make_unique<int>(*n); });
      CHECK(**pool.acquire() == 7);
    });
  }

  TEST_CASE("C-18: the limit is intact after ten thousand random cancels") {
    static constexpr std::size_t limit = 3;
    testing::run([] {
      maker m;
      std::minstd_rand random(18);
      std::size_t cancels = 0;
      {
        pool_of_connections pool(limit, [&] {
          sleep(random() % 3 * 1us);
          if (random() % 8 == 0) throw trouble();
          return maker::connection(m);
        });
        while (cancels < 10'000) {
          with_scope([&](scope& s) {
            for (int f = 0; f < 20; ++f) {
              s.spin([&] {
                const auto patience = random() % 12 * 1us;
                const bool done = move_on_after(patience, [&] {
                  try {
                    pool.use([&](maker::connection& c) {
                      if (std::exchange(c.in_use, true)) FAIL_CHECK("lent twice");
                      const finally out([&] { c.in_use = false; });
                      sleep(random() % 6 * 1us);
                      if (random() % 8 == 0) throw trouble();
                    });
                  } catch (
                      const trouble&) {  // so the limit has to survive errors as well
                  }
                });
                if (!done) ++cancels;
              });
            }
          });
          REQUIRE(pool.waiting() == 0);
          REQUIRE(pool.size() == pool.idle());
          REQUIRE(pool.size() <= limit);
        }
        CHECK(m.most <= static_cast<int>(limit));
        std::vector<pool_of_connections::lease> all;
        while (all.size() < limit) {  // all may be had at once
          try {
            all.push_back(pool.acquire());
          } catch (const trouble&) {
          }
        }
        CHECK_FALSE(move_on_after(1s, [&] { (void)pool.acquire(); }));
      }
      CHECK(m.alive == 0);
    });
  }
}

}  // namespace
}  // namespace motet
