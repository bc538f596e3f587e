// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

namespace motet {
namespace {

using testing::explore;
using testing::explore_error;

/// The order in which three fibers come to run.
std::string order_of_three() {
  std::string order;
  std::vector<fiber<void>> all;
  for (const char name : {'a', 'b', 'c'}) {
    all.push_back(spin([&order, name] {
      order += name;
      yield();
      order += name;
    }));
  }
  await_all(all);
  return order;
}

std::string order_with_seed(std::uint64_t seed) {
  return testing::run({.seed = seed}, [] { return order_of_three(); });
}

/// A file of its own, gone with the test.
struct temporary_file {
  std::string path;
  explicit temporary_file(const char* name)
      : path("motet_" + std::to_string(::getpid()) + "_" + name) {}
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::remove(path.c_str()); }
};

/// Fails if the second comes before the first, as it does on the usual course never.
void be_overtaken() {
  int first = 0;
  const auto a = spin({.name = "a"}, [&] { first = 1; });
  const auto b = spin({.name = "b"}, [&] {
    if (first == 0) throw std::runtime_error("b was first");
  });
  a.await();
  b.await();
}

std::string failure_of(const testing::explore_options& options, void (*f)()) {
  try {
    explore(options, f);
  } catch (const explore_error& e) {
    return e.what();
  }
  return "";
}

TEST_SUITE("seeds") {
  TEST_CASE("without a seed fibers run in the order in which they could") {
    CHECK(order_with_seed(0) == "abcabc");
  }

  TEST_CASE("a seed decides who runs next, the same each time") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      const std::string order = order_with_seed(seed);
      REQUIRE(order == order_with_seed(seed));
      orders.insert(order);
    }
    // Of the 90 there are.
    CHECK(orders.size() > 60);
  }

  TEST_CASE("a seed decides which of two completions is told of first") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      orders.insert(testing::run({.seed = seed}, [] {
        std::string order;
        auto one = test::connect_pair();
        auto two = test::connect_pair();
        const auto reader = [&](test::connection& c, char name) {
          return spin([&order, &c, name] {
            test::read_some(c.far);
            order += name;
          });
        };
        const auto first = reader(one, '1');
        const auto second = reader(two, '2');
        testing::settle();
        one.near.write("x");
        two.near.write("x");
        await_all(first, second);
        return order;
      }));
    }
    CHECK(orders == std::set<std::string>{"12", "21"});
  }

  TEST_CASE("choose is 0 on the usual course and anything else with a seed") {
    testing::run([] {
      CHECK(testing::choose(1) == 0);
      CHECK(testing::choose(1000) == 0);
    });
    std::set<std::size_t> seen;
    for (std::uint64_t seed = 1; seed <= 100; ++seed)
      seen.insert(testing::run({.seed = seed}, [] { return testing::choose(4); }));
    CHECK(seen == std::set<std::size_t>{0, 1, 2, 3});
  }

  TEST_CASE("calm_down puts an end to chance") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      testing::run({.seed = seed}, [] {
        testing::calm_down();
        CHECK(testing::choose(1000) == 0);
        CHECK(order_of_three() == "abcabc");
      });
    }
  }

  TEST_CASE("a recorded course can be taken again, without the seed") {
    const temporary_file file("course");
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const std::string order = testing::run({.seed = seed, .record = file.path},
                                             [] { return order_of_three(); });
      CHECK(testing::run({.replay = file.path}, [] { return order_of_three(); }) ==
            order);
    }
  }

  TEST_CASE("a course that cannot be read is named") {
    CHECK(test::complaint_of([] {
            testing::run({.replay = "no such file"}, [] {});
          }).find("read the course in no such file") != std::string::npos);
    const temporary_file file("nonsense");
    std::FILE* const out = std::fopen(file.path.c_str(), "w");
    std::fputs("fiber 3 3\n", out);
    std::fclose(out);
    CHECK_THROWS_WITH_AS(testing::run({.replay = file.path}, [] {}),
                         doctest::Contains("\"fiber 3 3\" is no decision"),
                         std::invalid_argument);
  }
}

TEST_SUITE("explore") {
  TEST_CASE("finds the course that fails, and tells its seed and what matters in it") {
    try {
      explore(100, &be_overtaken);
      FAIL("found nothing");
    } catch (const explore_error& e) {
      const std::string text = e.what();
      CHECK(e.seed() != 0);
      CHECK(text.find("ended with an error: b was first") != std::string::npos);
      CHECK(text.find("MOTET_SEED=" + std::to_string(e.seed())) != std::string::npos);
      CHECK(e.story() == std::vector<std::string>{"0 s: fiber \"b\" runs before \"a\""});
      CHECK_THROWS_WITH_AS(std::rethrow_exception(e.error()), "b was first",
                           std::runtime_error);
      // It is found again with that seed alone, by explore and by run.
      CHECK_THROWS_AS(explore({.seeds = 1, .first_seed = e.seed()}, &be_overtaken),
                      explore_error);
      CHECK_THROWS_WITH(testing::run({.seed = e.seed()}, &be_overtaken), "b was first");
    }
  }

  TEST_CASE("a record of the failing course holds only what matters") {
    const temporary_file file("failure");
    const std::string text = failure_of({.record = file.path}, &be_overtaken);
    CHECK(text.find(".replay = \"" + file.path + "\"") != std::string::npos);
    CHECK_THROWS_WITH(testing::run({.replay = file.path}, &be_overtaken), "b was first");
  }

  TEST_CASE("MOTET_SEED has one seed tried") {
    ::setenv("MOTET_SEED", "12345", 1);
    const auto report = explore(100, [] { order_of_three(); });
    ::setenv("MOTET_SEED", "many", 1);
    const std::string complaint =
        test::complaint_of([] { explore(1, [] { order_of_three(); }); });
    ::unsetenv("MOTET_SEED");
    CHECK(report.courses == 1);
    CHECK(complaint.find("MOTET_SEED is 'many'") != std::string::npos);
  }

  TEST_CASE("a good program is good on all courses, and each exploration is the same") {
    const auto first = explore(200, [] { order_of_three(); });
    const auto second = explore(200, [] { order_of_three(); });
    CHECK(first.courses == 200);
    CHECK(first.decisions > 200);
    CHECK(first.fingerprint == second.fingerprint);
  }

  TEST_CASE("every course of a small program is taken, once") {
    std::multiset<std::string> orders;
    const auto report = explore({.every_course_of = 10'000}, [&] {
      const std::string order = order_of_three();
      orders.insert(order);
    });
    CHECK(report.courses == orders.size());
    const std::set<std::string> different(orders.begin(), orders.end());
    CHECK(different.size() == 90);  // 6! / 2!^3
    CHECK_THROWS_AS(explore({.every_course_of = 10}, [] { order_of_three(); }),
                    std::length_error);
  }

  TEST_CASE("every course finds what only one of them shows") {
    const std::string text = failure_of({.every_course_of = 1000}, &be_overtaken);
    CHECK(text.find("b was first") != std::string::npos);
  }

  TEST_CASE("what is left behind is a failure") {
    std::vector<fiber_ref> kept;
    CHECK_THROWS_WITH(explore(1, [&] { kept.push_back(spin([] {})); }),
                      doctest::Contains("in use: there are handles"));
    kept.clear();
  }

  TEST_CASE("a deadlock on some course is a failure that says who waits") {
    const auto f = [] {
      bool told = false;
      fiber_ref waiting;
      const auto a = spin({.name = "late"}, [&] {
        waiting = this_fiber::self();
        if (!told) (void)receive<int>();
      });
      spin([&] {
        told = true;
        if (waiting) waiting << 1;
      });
      a.await();
      spin([] {});
    };
    CHECK(explore(50, f).courses == 50);
    const auto forgetful = [] {
      fiber_ref waiting;
      const auto a = spin({.name = "forgotten"}, [&] {
        waiting = this_fiber::self();
        (void)receive<int>();
      });
      spin([&] {
        if (waiting) waiting << 1;
      });
      a.await();
    };
    CHECK_THROWS_WITH(explore(50, forgetful), doctest::Contains("forgotten"));
  }

  TEST_CASE("a run that never ends is a failure, too") {
    const auto f = [] {
      for (;;)
        sleep(1min);
    };
    CHECK_THROWS_WITH(explore(1, f), doctest::Contains("does not end"));
    const auto spinning = [] {
      for (;;)
        yield();
    };
    CHECK_THROWS_WITH(explore(1, spinning), doctest::Contains("does not end"));
  }

  TEST_CASE("a daemon that never ends, stopped or not, is a failure") {
    const auto f = [] {
      spin_daemon([] {
        for (;;)
          shield([] { sleep(1s); });
      });
      sleep(1s);
    };
    CHECK_THROWS_WITH(explore(1, f), doctest::Contains("does not end"));
  }

  TEST_CASE("a run that only fails the second time is a failure") {
    int runs = 0;
    const auto f = [&] {
      if (++runs % 2 == 0) throw std::runtime_error("not again");
    };
    CHECK_THROWS_WITH(explore(1, f), doctest::Contains("not again"));
  }

  TEST_CASE("a function that is not the same twice is told so") {
    int runs = 0;
    const auto f = [&] {
      if (++runs % 2 == 0) yield();
      order_of_three();
    };
    CHECK_THROWS_WITH(explore(1, f), doctest::Contains("took two courses"));
  }

  TEST_CASE("not inside of fibers") {
    testing::run([] { CHECK_THROWS_AS(explore(1, [] {}), structure_error); });
  }
}

}  // namespace
}  // namespace motet
