// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace motet {
namespace {

using test::cleanup;
using test::trace;
using test::tracked;
using test::trouble;
using test::trouble_1;

TEST_SUITE("exceptions: every fiber has its own") {
  TEST_CASE("P-01: fibers that park inside catch blocks keep their exceptions") {
    trace log;
    testing::run([&] {
      const auto body = [&log](int number) {
        try {
          throw trouble("first of " + std::to_string(number));
        } catch (...) {
          yield();
          try {
            throw trouble("second of " + std::to_string(number));
          } catch (const trouble& e) {
            yield();
            log(e.what());
          }
          yield();
          try {
            throw;
          } catch (const trouble& e) {
            log(e.what());
          }
          yield();
          log(describe(std::current_exception()));
        }
        CHECK(std::current_exception() == nullptr);
      };
      const auto a = spin(body, 1);
      const auto b = spin(body, 2);
      a.await();
      b.await();
      CHECK(std::current_exception() == nullptr);
    });
    CHECK(log == trace{"second of 1", "second of 2", "first of 1", "first of 2",
                       "first of 1", "first of 2"});
  }

  TEST_CASE("P-01: handlers left in another order than they were entered") {
    testing::run([] {
      const auto a = spin([] {
        try {
          throw trouble("a");
        } catch (const trouble& e) {
          sleep(20ms);
          CHECK(std::string(e.what()) == "a");
          CHECK(describe(std::current_exception()) == "a");
        }
      });
      const auto b = spin([] {
        try {
          throw trouble("b");
        } catch (const trouble& e) {
          sleep(10ms);
          CHECK(std::string(e.what()) == "b");
        }
      });
      b.await();
      a.await();
    });
  }

  TEST_CASE("P-02: exceptions in flight are counted per fiber") {
    testing::run([] {
      int in_destructor = -1;
      int in_other = -1;
      int in_helper = -1;
      const auto f = spin([&] {
        const cleanup last([&] {
          yield();
          in_destructor = std::uncaught_exceptions();
          with_scope([&](scope& s) {
            s.spin([&] {
              in_helper = std::uncaught_exceptions();
              yield();
              CHECK(std::uncaught_exceptions() == 0);
            });
          });
          CHECK(std::uncaught_exceptions() == 1);
        });
        throw trouble();
      });
      spin([&] {
        yield();
        in_other = std::uncaught_exceptions();
      });
      CHECK(f.outcome().failed());
      CHECK(in_destructor == 1);
      CHECK(in_other == 0);
      CHECK(in_helper == 0);
      CHECK(std::uncaught_exceptions() == 0);
    });
    CHECK(std::uncaught_exceptions() == 0);
  }

  TEST_CASE("P-03: errno survives a switch to a fiber that changes it") {
    testing::run([] {
      spin([] { errno = EBADF; });
      errno = EAGAIN;
      yield();
      CHECK(errno == EAGAIN);
      const auto f = spin([] {
        CHECK(errno == 0);
        errno = ENOENT;
        sleep(1ms);
        CHECK(errno == ENOENT);
      });
      errno = EPERM;
      f.await();
      CHECK(errno == EPERM);
    });
  }

  TEST_CASE("P-16: a handler that parks in a shield rethrows the right object, once") {
    trace log;
    struct counted : tracked {
      const char* name = "counted";
    };
    testing::run([&] {
      const auto f = spin([&] {
        try {
          try {
            throw counted();
          } catch (const counted& e) {
            shield([] { sleep(10ms); });
            log.at(e.name);
            CHECK(tracked::alive() == 1);
            throw;
          }
        } catch (const counted& e) {
          log(e.name);
          CHECK(tracked::alive() == 1);
        }
        CHECK(tracked::alive() == 0);
      });
      spin([&] {
        try {
          throw trouble();
        } catch (const trouble&) {
          sleep(5ms);
        }
      });
      testing::settle();
      CHECK(f.stop());
      f.await();
      CHECK_FALSE(f.outcome().stopped());
    });
    CHECK(log == trace{"counted@10", "counted"});
    CHECK(tracked::alive() == 0);
  }
}

TEST_SUITE("exceptions: what leaves a fiber") {
  TEST_CASE("P-08: an exception of any type leaves a fiber intact") {
    struct no_exception {
      int value;
    };
    struct move_only {
      explicit move_only(int v) : value(std::make_unique<int>(v)) {}
      std::unique_ptr<int> value;
    };
    testing::run([&] {
      const auto thrower = [](auto make) { return spin([make] { throw make(); }); };
      CHECK_THROWS_AS(thrower([] { return 5; }).await(), const int&);
      CHECK_THROWS_AS(thrower([] { return "text"; }).await(), const char*);
      try {
        thrower([] { return no_exception{7}; }).await();
        FAIL("it was thrown");
      } catch (const no_exception& e) {
        CHECK(e.value == 7);
      }
      try {
        thrower([] { return move_only(8); }).await();
        FAIL("it was thrown");
      } catch (const move_only& e) {
        CHECK(*e.value == 8);
      }
      const auto e = thrower([] { return 5; }).outcome();
      CHECK(e.failed());
      CHECK_FALSE(e.stopped());
      CHECK(describe(e.error()) == "an exception of type int");
    });
  }

  TEST_CASE("P-09: the end of run unwinds every stack") {
    int finished = 0;
    testing::run([&] {
      const auto body = [&](const tracked& owned) {
        const tracked local(owned);
        const cleanup last([&] {
          sleep(1ms);
          ++finished;
        });
        suspend();
      };
      for (int i = 0; i < 10; ++i)
        spin(body, tracked());
      spin([&] {
        const tracked local;
        spin(body, tracked());
        with_scope([&](scope& s) { s.spin(body, tracked()); });
      });
      spin([&] {
        const tracked local;
        shield([] { sleep(50ms); });
        ++finished;
      });
      spin({.restartable = true}, [owned = tracked()] {});
      testing::settle();
      spin([&, owned = tracked()] { FAIL("never started"); });
      CHECK(tracked::alive() > 20);
    });
    CHECK(tracked::alive() == 0);
    CHECK(finished == 13);
  }

  TEST_CASE("P-09: an error out of the main fiber unwinds all others first") {
    trace log;
    CHECK_THROWS_AS(testing::run([&] {
                      spin([&] {
                        const cleanup last([&] {
                          sleep(10ms);
                          log.at("unwound");
                        });
                        suspend();
                      });
                      testing::settle();
                      throw trouble();
                    }),
                    const trouble&);
    log("out");
    CHECK(log == trace{"unwound@10", "out"});
  }

  TEST_CASE("P-15: a typed raise makes an object per fiber, a pointer is shared") {
    testing::run([] {
      const trouble* seen[4] = {};
      std::exception_ptr kept[4];
      const auto waits = [&](int i) {
        try {
          suspend();
        } catch (const trouble& e) {
          seen[i] = &e;
          kept[i] = std::current_exception();
        }
      };
      fiber<> fibers[4];
      for (int i = 0; i < 4; ++i)
        fibers[i] = spin(waits, i);
      testing::settle();
      const trouble error("typed");
      CHECK(fibers[0].raise(error));
      CHECK(fibers[1].raise(error));
      const auto shared = std::make_exception_ptr(trouble("shared"));
      CHECK(fibers[2].raise(shared));
      CHECK(fibers[3].raise(shared));
      for (const auto& f : fibers)
        f.await();
      CHECK(seen[0] != seen[1]);
      CHECK(seen[2] == seen[3]);
      CHECK(kept[2] == shared);
    });
  }

  TEST_CASE("a `cancelled` where nobody asked for it is an error") {
    testing::run([] {
      std::exception_ptr stolen;
      const auto victim = spin([&] {
        try {
          suspend();
        } catch (const cancelled&) {
          stolen = std::current_exception();
          throw;
        }
      });
      testing::settle();
      CHECK(victim.interrupt().stopped());
      const auto f = spin([&] { std::rethrow_exception(stolen); });
      const auto e = f.outcome();
      REQUIRE(e.failed());
      CHECK_THROWS_AS(std::rethrow_exception(e.error()), const structure_error&);
    });
  }
}

struct needs_value {
  explicit needs_value(int v) : value(v) {}
  int value;
};

TEST_SUITE("exceptions: results") {
  TEST_CASE("P-10: a fiber returns what cannot be copied, to the first who asks") {
    testing::run([] {
      const auto f = spin([] { return std::make_unique<int>(5); });
      CHECK(*f.await() == 5);
      CHECK_THROWS_AS(f.await(), const structure_error&);
      const auto e = f.outcome();
      CHECK_FALSE(e.has_value());
      CHECK_FALSE(e.failed());
      CHECK_THROWS_AS((void)e.value(), const structure_error&);
    });
  }

  TEST_CASE("P-10: an outcome gives its value away once") {
    testing::run([] {
      auto e = spin([] { return std::make_unique<int>(5); }).outcome();
      REQUIRE(e.has_value());
      CHECK(*e.value() == 5);
      const std::unique_ptr<int> taken = std::move(e).value();
      CHECK(*taken == 5);
      CHECK_FALSE(e.has_value());
    });
  }

  TEST_CASE("P-10: a fiber returns what has no default") {
    testing::run([] {
      const auto f = spin([] { return needs_value(3); });
      CHECK(f.await().value == 3);
      CHECK(f.outcome().value().value == 3);
      const auto g = spin([]() -> needs_value { suspend(); });
      CHECK(g.move_on(4));
      CHECK(g.await().value == 4);
    });
  }

  TEST_CASE("P-10: a fiber returns a reference") {
    testing::run([] {
      int target = 1;
      const auto f = spin([&]() -> int& { return target; });
      static_assert(std::is_same_v<decltype(f.await()), int&>);
      f.await() = 2;
      CHECK(target == 2);
      CHECK(&f.outcome().value() == &target);
    });
  }

  TEST_CASE("P-10: a fiber returns nothing") {
    testing::run([] {
      const auto f = spin([] {});
      f.await();
      const auto e = f.outcome();
      CHECK(e.has_value());
      e.value();
    });
  }

  TEST_CASE("P-10: a result is destroyed with its last handle") {
    testing::run([] {
      {
        const auto f = spin([] { return tracked(); });
        testing::settle();
        CHECK(f.done());
        CHECK(tracked::alive() == 1);
      }
      CHECK(tracked::alive() == 0);
    });
  }
}

}  // namespace
}  // namespace motet
