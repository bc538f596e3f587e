// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace motet {
namespace {

using test::trace;
using test::trouble;

TEST_SUITE("from_callback") {
  TEST_CASE("R-19: a callback resumes once") {
    testing::run([] {
      std::optional<resumer<int>> kept;
      bool first = false;
      bool second = true;
      CHECK(from_callback<int>([&](resumer<int> r) {
              first = r(1);
              second = r(2);
              kept = r;
            }) == 1);
      CHECK(first);
      CHECK_FALSE(second);
      CHECK_FALSE((*kept)(3));
      CHECK_FALSE(kept->fail(trouble()));
    });
  }

  TEST_CASE("R-20: resumed before the registration returns, and long after") {
    testing::run([] {
      CHECK(from_callback<int>([](resumer<int> r) { CHECK(r(1)); }) == 1);
      CHECK(from_callback<int>([](resumer<int> r) {
              spin([r] { r(2); });
              testing::settle();
            }) == 2);
      std::optional<resumer<int>> kept;
      const auto f =
          spin([&] { return from_callback<int>([&](resumer<int> r) { kept = r; }); });
      testing::settle();
      CHECK_FALSE(f.done());
      CHECK((*kept)(3));
      CHECK(f.await() == 3);
    });
  }

  TEST_CASE("results of every kind come through") {
    testing::run([] {
      from_callback([](resumer<> r) { r(); });
      CHECK(*from_callback<std::unique_ptr<int>>([](resumer<std::unique_ptr<int>> r) {
        r(std::make_unique<int>(1));
      }) == 1);
      int there = 0;
      CHECK(&from_callback<int&>([&](resumer<int&> r) { r(there); }) == &there);
      CHECK(from_callback<std::string>([](resumer<std::string> r) { r("text"); }) ==
            "text");
    });
  }

  TEST_CASE("errors come through, of any kind") {
    testing::run([] {
      CHECK_THROWS_AS(from_callback([](resumer<> r) { r.fail(trouble()); }),
                      const trouble&);
      CHECK_THROWS_AS(from_callback<int>([](resumer<int> r) {
                        CHECK_FALSE(r.fail(nullptr));
                        CHECK(r.fail(std::make_exception_ptr(trouble())));
                        CHECK_FALSE(r(1));
                      }),
                      const trouble&);
    });
  }

  TEST_CASE("a value that throws as it is stored is the fiber's error") {
    struct touchy {
      touchy() = default;
      touchy(const touchy&) { throw trouble("a copy"); }
    };
    testing::run([] {
      const touchy one;
      CHECK_THROWS_WITH_AS(
          from_callback<touchy>([&](resumer<touchy> r) { CHECK(r(one)); }), "a copy",
          const trouble&);
    });
  }

  TEST_CASE("cancelled: the action runs once, on the fiber, and no value counts") {
    testing::run([] {
      trace log;
      std::optional<resumer<std::unique_ptr<int>>> kept;
      const auto f = spin([&] {
        (void)from_callback<std::unique_ptr<int>>([&](auto r) {
          kept = r;
          return [&, self = this_fiber::id()] {
            log("stop");
            CHECK(this_fiber::id() == self);
            auto late = std::make_unique<int>(1);
            CHECK_FALSE((*kept)(std::move(late)));
            CHECK(late != nullptr);
            sleep(1ms);  // in a shield
            log("stopped");
          };
        });
      });
      testing::settle();
      f.stop();
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"stop", "stopped"});
      CHECK_FALSE((*kept)(std::make_unique<int>(2)));
    });
  }

  TEST_CASE("resumed before it was cancelled: the value counts, no action runs") {
    testing::run([] {
      trace log;
      std::optional<resumer<int>> kept;
      const auto f = spin([&] {
        log(from_callback<int>([&](resumer<int> r) {
          kept = r;
          return [&] { log("stop"); };
        }));
        checkpoint();
        log("not reached");
      });
      testing::settle();
      CHECK((*kept)(7));
      f.stop();
      CHECK(f.outcome().stopped());
      CHECK(log == trace{"7"});
    });
  }

  TEST_CASE("cancelled before: nothing is registered") {
    testing::run([] {
      const auto f = spin([] {
        this_fiber::self().stop();
        from_callback([](resumer<>) { FAIL("registered"); });
      });
      CHECK(f.outcome().stopped());
    });
  }

  TEST_CASE("cancelled by the registration itself") {
    testing::run([] {
      bool stopped = false;
      std::optional<resumer<>> kept;
      const auto f = spin([&] {
        from_callback([&](resumer<> r) {
          kept = r;
          this_fiber::self().stop();
          return [&] { stopped = true; };
        });
      });
      CHECK(f.outcome().stopped());
      CHECK(stopped);
    });
  }

  TEST_CASE("what is raised ends the wait, too") {
    testing::run([] {
      bool stopped = false;
      std::optional<resumer<>> kept;
      const auto f = spin([&] {
        from_callback([&](resumer<> r) {
          kept = r;
          return [&] { stopped = true; };
        });
      });
      testing::settle();
      f.raise(trouble());
      CHECK_THROWS_AS(f.await(), const trouble&);
      CHECK(stopped);
    });
  }

  TEST_CASE("a registration that throws: nobody can resume") {
    testing::run([] {
      std::optional<resumer<int>> kept;
      CHECK_THROWS_AS(from_callback<int>([&](resumer<int> r) {
                        kept = r;
                        throw trouble();
                      }),
                      const trouble&);
      CHECK_FALSE((*kept)(1));
    });
  }

  TEST_CASE("without a resumer nobody could ever resume: that is an error") {
    testing::run([] {
      const char* const why =
          "from_callback: the last resumer was destroyed, and none had been called";
      CHECK_THROWS_WITH_AS(from_callback([](resumer<>) {}), why, const structure_error&);
      std::optional<resumer<>> kept;
      const auto f = spin([&] { from_callback([&](resumer<> r) { kept = r; }); });
      testing::settle();
      kept.reset();
      CHECK_THROWS_WITH_AS(f.await(), why, const structure_error&);
    });
  }

  TEST_CASE("a fiber that can be resumed is not deadlocked, and the dump says what for") {
    testing::run([] {
      std::optional<resumer<>> kept;
      const auto f = spin([&] { from_callback([&](resumer<> r) { kept = r; }); });
      const auto waker = spin_after(1ms, [&] { (*kept)(); });
      testing::settle();
      CHECK(dump().find("waits for a callback") != std::string::npos);
      f.await();
      CHECK(clock::now() == time_point(1ms));
    });
  }

  TEST_CASE("outside of fibers there is nobody to resume") {
    CHECK_THROWS_AS(from_callback([](resumer<> r) { r(); }), const structure_error&);
  }
}

}  // namespace
}  // namespace motet
