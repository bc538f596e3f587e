// SPDX-License-Identifier: MIT
#include "test/support/conservation.hpp"
#include "test/support/network.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace motet {
namespace {

using testing::cancel_everywhere;
using testing::cancel_everywhere_error;

/// What is said about the runs of `f` that fail.
template <class F>
std::vector<std::string> failures_of(F&& f,
                                     testing::cancel_everywhere_options options = {}) {
  try {
    cancel_everywhere(options, std::forward<F>(f));
  } catch (const cancel_everywhere_error& error) {
    return error.failures();
  }
  return {};
}

/// What is said when point `number`, a sleep, is cancelled `how`.
std::string in_sleep(int number, const std::string& how, const std::string& wrong) {
  return "point " + std::to_string(number) +
         ", in fiber \"f\": waits for a point in time; cancelled " + how + ": " + wrong;
}

/// The same for all ways that it has but the one that lets it end.
std::vector<std::string> in_sleep(int number, const std::string& wrong) {
  return {in_sleep(number, "before it", wrong), in_sleep(number, "in it", wrong),
          in_sleep(number, "in it as a deadline came", wrong),
          in_sleep(number, "in it, twice", wrong)};
}

void run_a_worker() {
  const auto worker = spin({.name = "worker"}, [] {
    for (;;)
      static_cast<void>(receive<int>());
  });
  worker << 1 << 2;
  sleep(1ms);
  worker.interrupt();
}

TEST_SUITE("cancel_everywhere") {
  TEST_CASE("each point is cancelled in all ways that it has") {
    int begun = 0;
    int slept = 0;
    const auto report = cancel_everywhere([&] {
      ++begun;
      sleep(10ms);
      checkpoint();
      ++slept;
    });
    CHECK(report.points == 4);  // a checkpoint looks twice
    CHECK(report.runs == 1 + 2 + 5 + 2 + 2);
    CHECK(begun == report.runs - 2);  // stopped before the body began, in two ways
    CHECK(slept == 1);
    const std::vector<std::string> sites{"1, in fiber \"f\": need not wait",
                                         "2, in fiber \"f\": waits for a point in time",
                                         "3, in fiber \"f\": need not wait",
                                         "4, in fiber \"f\": need not wait"};
    CHECK((report.sites == sites));
  }

  TEST_CASE("points of all fibers below count") {
    const auto report = cancel_everywhere(&run_a_worker);
    CHECK(report.points > 6);
    CHECK(report.runs > report.points);
  }

  TEST_CASE("each fiber can be stopped alone") {
    testing::cancel_everywhere_report block = cancel_everywhere(&run_a_worker);
    const auto each = cancel_everywhere({.each_fiber = true}, &run_a_worker);
    CHECK(each.points == block.points);
    CHECK(each.runs > block.runs);
  }

  TEST_CASE("two calls do the same") {
    const auto first = cancel_everywhere(&run_a_worker);
    const auto second = cancel_everywhere(&run_a_worker);
    CHECK(first.runs == second.runs);
    CHECK(first.sites == second.sites);
  }

  TEST_CASE("a value that wins over the cancellation is a good end") {
    const auto report = cancel_everywhere([] { return shield([] { return 42; }); });
    CHECK(report.points == 1);
  }

  TEST_CASE("an error that is thrown anyway is a good end") {
    const auto report = cancel_everywhere([] {
      sleep(1ms);
      throw std::runtime_error("as always");
    });
    CHECK(report.points == 2);
  }

  TEST_CASE("a read that is timed out is no deadlock") {
    const auto report = cancel_everywhere([] {
      test::connection c = test::connect_pair();
      move_on_after(10ms, [&] {
        std::byte room[1];
        static_cast<void>(c.near.read(room));
      });
    });
    CHECK(report.points > 1);
  }

  TEST_CASE("a fiber that fails as its child's cleanup did, which it stopped, is freed") {
    const auto report = cancel_everywhere({.expected = [](auto&) { return true; }}, [] {
      const auto child = spin([] {
        try {
          suspend();
        } catch (const cancelled&) {
          throw std::runtime_error("the cleanup failed");
        }
      });
      testing::settle();
      child.interrupt();
      sleep(1ms);
    });
    CHECK(report.points > 2);
  }

  TEST_CASE("it is refused inside of a fiber") {
    testing::run([] { CHECK_THROWS_AS(cancel_everywhere([] {}), structure_error); });
  }
}

/// Work taken is work done, unless somebody is stopped in between.
struct ledger {
  int taken = 0;
  int done = 0;

  void check() const {
    if (taken != done) throw std::runtime_error("work was lost");
  }
};

TEST_SUITE("cancel_everywhere finds") {
  TEST_CASE("a descriptor that is left open") {
    const auto failures = failures_of([] {
      tcp::listener door = test::listen_here();
      tcp::stream near = test::connect_to(door);
      alignas(tcp::stream) std::byte room[sizeof(tcp::stream)];
      auto* const far = ::new (room) tcp::stream(door.accept());
      sleep(1ms);
      far->~stream();
    });
    test::leave_behind("simulated descriptors", failures.size());
    REQUIRE(failures.size() == 7);
    // The accept came first, so that it is the sleep that throws.
    const auto in_accept = [](const std::string& how) {
      return "point 4, in fiber \"f\": waits for its turn; cancelled " + how +
             ": 1 descriptor is open";
    };
    CHECK(failures[0] == in_accept("in it"));
    CHECK(failures[1] == in_accept("in it as a deadline came"));
    CHECK(failures[2] == in_accept("in it, twice"));
    const std::vector<std::string> sleeping(failures.begin() + 3, failures.end());
    CHECK((sleeping == in_sleep(5, "1 descriptor is open")));
  }

  TEST_CASE("a message that nobody owns any more") {
    detail::message_ptr lost;
    const auto failures = failures_of(
        [&] {
          lost = detail::make_message(42);
          yield();
          lost = {};
        },
        {.afterwards = [&] { lost = {}; }});
    REQUIRE(failures.size() == 6);
    CHECK(
        failures[0] ==
        "point 2, in fiber \"f\": waits for its turn; cancelled before it: 1 message was "
        "never received nor dropped");
  }

  TEST_CASE("work that is taken and not done") {
    ledger jobs;
    const auto failures = failures_of(
        [&] {
          jobs = {};
          const auto worker = spin({.name = "worker"}, [&] {
            jobs.taken += receive<int>();
            checkpoint();
            ++jobs.done;
          });
          worker << 1;
          worker.await();
        },
        {.afterwards = [&] { jobs.check(); }});
    REQUIRE(failures.size() == 3);
    for (const std::string& failure : failures) {
      CHECK(failure.find("in fiber \"worker\"") != std::string::npos);
      CHECK(failure.find("afterwards: work was lost") != std::string::npos);
    }
  }

  TEST_CASE("work that comes together with the stop, and is lost") {
    ledger jobs;
    const auto failures = failures_of(
        [&] {
          jobs = {};
          const auto worker = spin({.name = "worker"}, [&] {
            jobs.taken += receive<int>();
            checkpoint();
            ++jobs.done;
          });
          sleep(1ms);
          worker << 1;
          worker.await();
        },
        {.afterwards = [&] { jobs.check(); }});
    const auto is_late = [](const std::string& failure) {
      return failure.find("a message; cancelled as it was over: afterwards: work was") !=
             std::string::npos;
    };
    CHECK(std::count_if(failures.begin(), failures.end(), is_late) == 1);
  }

  TEST_CASE("a fiber that waits for ever in a shield") {
    const auto failures = failures_of([] {
      const auto other = spin({.name = "other"}, [] { suspend(); });
      try {
        sleep(1ms);
      } catch (const cancelled&) {
        shield([] { static_cast<void>(receive<int>()); });
      }
      other.interrupt();
    });
    REQUIRE(failures.size() >= 2);
    CHECK(failures[0].find(in_sleep(2, "before it", "does not end: every fiber is")) ==
          0);
    CHECK(failures[0].find("\"f\" (1) waits for a message") != std::string::npos);
  }

  TEST_CASE("a fiber that goes on for ever in a shield") {
    const auto failures = failures_of([] {
      try {
        sleep(1ms);
      } catch (const cancelled&) {
        shield([] {
          for (;;)
            sleep(1ms);
        });
      }
    });
    const std::string wrong = "does not end: after 1021 points it still runs";
    CHECK((failures == in_sleep(2, wrong)));
  }

  TEST_CASE("a cancellation that is made an error") {
    const auto failures = failures_of([] {
      try {
        sleep(1ms);
      } catch (...) {
        throw std::runtime_error("no sleep");
      }
    });
    CHECK((failures == in_sleep(2, "ended with an error: no sleep")));
  }

  TEST_CASE("no fault in an error that is expected") {
    const auto report = cancel_everywhere(
        {.expected =
             [](const std::exception_ptr& e) { return describe(e) == "no sleep"; }},
        [] {
          try {
            sleep(1ms);
          } catch (...) {
            throw std::runtime_error("no sleep");
          }
        });
    CHECK(report.points == 2);
  }

  TEST_CASE("an error of a daemon that nobody is there to get") {
    const auto failures = failures_of([] {
      with_scope({.errors = error_policy::isolate}, [](scope& s) {
        s.spin([] {
          try {
            sleep(1ms);
          } catch (...) {
            throw std::runtime_error("no sleep");
          }
        });
      });
    });
    REQUIRE(failures.size() == 4);
    CHECK(failures[0].find("nobody handled an error: no sleep") != std::string::npos);
  }

  TEST_CASE("a handle that is kept") {
    fiber<void> kept;
    const auto failures = failures_of([&] {
      kept = spin([] { sleep(1ms); });
      kept.await();
      kept = {};
    });
    CHECK(failures.size() > 1);
    CHECK(failures.back().find("1 stack is in use") != std::string::npos);
  }

  TEST_CASE("what is wrong without any cancellation") {
    const auto failures = failures_of([] { suspend(); });
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].find("the run without cancellation: does not end") == 0);
  }

  TEST_CASE("a function that does not do the same each time") {
    int calls = 0;
    const auto failures = failures_of([&] {
      if (++calls == 1) checkpoint();
    });
    REQUIRE(failures.size() == 4);
    CHECK(failures[0].find("took another course") != std::string::npos);
  }
}

}  // namespace
}  // namespace motet
