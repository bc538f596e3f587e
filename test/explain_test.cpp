// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <stdexcept>
#include <string>

namespace motet {
namespace {

using test::child;
using test::death;
using test::run_only;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto i = text.find(part); i != std::string::npos; i = text.find(part, i + 1))
    ++n;
  return n;
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  return count(text, part) != 0;
}

/// Runs `body` in a child. @returns what that wrote to stderr.
template <class Body>
std::string said_by(Body body) {
  return child([body](int) { testing::run(body); }).wait().said;
}

constexpr unsigned line_of_sleep = __LINE__ + 10;

/// Waits in a destructor, which is noexcept.
struct sleeper {
  bool shielded = false;

  ~sleeper() {
    if (shielded) {
      shield([] { sleep(1s); });
    } else {
      sleep(1s);
    }
  }
};

void leave_with(bool shielded) {
  testing::run([shielded] {
    const auto f = spin({.name = "sleepyhead"}, [shielded] {
      try {
        suspend();
      } catch (const cancelled&) {
        { const sleeper last{shielded}; }
        throw;
      }
    });
    yield();
    f.stop("time for bed");
    f.await();
  });
}

[[gnu::noinline]] void fail() {
  throw std::runtime_error("oops");
}

/// A fiber that is stopped in `body`, and goes on as if it were not.
template <class Body>
void swallow(Body body) {
  const auto f = spin([body] {
    try {
      body();
    } catch (...) {
    }
  });
  testing::settle();
  f.stop();
  f.await();
}

constexpr unsigned line_of_exit = __LINE__ + 3;

void swallow_exit() {
  swallow([] { this_fiber::exit_now(); });
}

// Programs that the tests below run.
TEST_SUITE("programs that terminate") {
  TEST_CASE("program: sleep in a destructor" * doctest::skip()) {
    leave_with(false);
  }
  TEST_CASE("program: sleep shielded in a destructor" * doctest::skip()) {
    leave_with(true);
  }
  TEST_CASE("program: throw in a noexcept function" * doctest::skip()) {
    testing::run([] {
      spin({.name = "clumsy"}, []() noexcept { fail(); });
      yield();
    });
  }
  TEST_CASE("program: swallow of a scope" * doctest::skip()) {
    testing::run([] {
      swallow_exit();
      swallow([] { with_scope([](scope& s) { s.spin([] { suspend(); }); }); });
    });
  }
  TEST_CASE("program: swallow of a race" * doctest::skip()) {
    testing::run([] {
      swallow_exit();
      swallow([] { race([] { suspend(); }); });
    });
  }
  TEST_CASE("program: terminate after run" * doctest::skip()) {
    std::set_terminate([] {
      std::fputs("the program's own handler\n", stderr);
      std::abort();
    });
    testing::run([] {});
    std::terminate();
  }
}

TEST_SUITE("explanations") {
  TEST_CASE("P-05: a point in a destructor, cancelled: who, why, where, and shield") {
    const death how = child(run_only("program: sleep in a destructor")).wait();
    CHECK(how.signal == SIGABRT);
    CHECK(contains(how.said, "fiber \"sleepyhead\" was asked to end"));
    CHECK(contains(how.said, "stop by fiber \"main\" at "));
    CHECK(contains(how.said, "time for bed"));
    CHECK(contains(how.said, "the point at "));
    CHECK(contains(how.said, "explain_test.cpp:" + std::to_string(line_of_sleep)));
    CHECK(contains(how.said, "shield("));
  }

  TEST_CASE("P-06: the same destructor with a shield is clean") {
    const death how = child(run_only("program: sleep shielded in a destructor")).wait();
    CHECK(how.signal == 0);
    CHECK(how.code == 0);
    CHECK(count(how.said, "motet:") == 0);
  }

  TEST_CASE("another exception in a noexcept function is told with its fiber") {
    const death how = child(run_only("program: throw in a noexcept function")).wait();
    CHECK(how.signal == SIGABRT);
    CHECK(contains(how.said, "std::terminate was called in fiber \"clumsy\": oops"));
  }

  TEST_CASE("a program's own terminate handler is its own again after run") {
    const death how = child(run_only("program: terminate after run")).wait();
    CHECK(contains(how.said, "the program's own handler"));
    CHECK(count(how.said, "motet:") == 0);
  }

  TEST_CASE("P-12: a swallowed cancellation is told once per place") {
    const std::string said = said_by([] {
      const auto f = spin({.name = "deaf"}, [] {
        for (int i = 0; i < 10; ++i) {
          try {
            sleep(1s);
          } catch (...) {
          }
        }
      });
      yield();
      f.stop("enough");
      f.await();
    });
    CHECK(count(said, "\n") == 1);
    CHECK(contains(said, "swallowed at "));
    CHECK(contains(said, "explain_test.cpp:"));
    CHECK(contains(said, "in fiber \"deaf\" (stop by fiber \"main\" at "));
  }

  TEST_CASE("P-12: so is one that the fiber threw itself, or a scope or race did") {
    for (const char* const thrower : {"scope", "race"}) {
      const std::string program = std::string("program: swallow of a ") + thrower;
      const std::string said = child(run_only(program.c_str())).wait().said;
      CHECK(count(said, "swallowed at ") == 2);
      CHECK(count(said, "explain_test.cpp:" + std::to_string(line_of_exit)) != 0);
      CHECK(count(said, "swallowed at a yield, a checkpoint, or the end") == 1);
    }
  }

  TEST_CASE("P-12: an error that a scope throws in its place was not a swallow") {
    const std::string said = said_by([] {
      const auto f = spin([] {
        try {
          with_scope([](scope& s) {
            s.spin([] {
              try {
                suspend();
              } catch (const cancelled&) {
                throw std::runtime_error("no end in order");
              }
            });
            suspend();
          });
        } catch (const std::runtime_error&) {
        }
      });
      testing::settle();
      f.stop();
      f.await();
    });
    CHECK(count(said, "swallowed") == 0);
  }

  TEST_CASE("P-12: a storm of them is one line more, and lets others run") {
    const std::string said = said_by([] {
      bool over = false;
      const auto f = spin([&over] {
        while (!over) {
          try {
            suspend();
          } catch (...) {
          }
        }
      });
      yield();
      f.stop();
      for (int i = 0; i < 3; ++i)
        yield();
      over = true;
      f.await();
    });
    CHECK(count(said, "swallowed at ") == 1);
    CHECK(count(said, "64 cancellations in a row") == 1);
    CHECK(count(said, "\n") == 2);
  }

  TEST_CASE("P-12: what is swallowed last is told when the body returns") {
    const std::string said = said_by([] {
      const auto f = spin([] {
        try {
          suspend();
        } catch (...) {
        }
        return 7;
      });
      yield();
      f.stop();
      CHECK(f.await() == 7);
      move_on_after(1s, [] {
        try {
          suspend();
        } catch (...) {
        }
      });
      move_on_after(1s, [] {
        with_scope([](scope& s) {
          s.spin([] {
            try {
              suspend();
            } catch (const cancelled&) {
            }
          });
        });
      });
    });
    CHECK(count(said, "swallowed at ") == 3);
  }

  TEST_CASE("P-12: cleanup that rethrows, timeouts and scopes are not told of") {
    const std::string said = said_by([] {
      auto server = tcp::listen("127.0.0.1", 0);
      const auto f = spin([&server] {
        try {
          for (int i = 0; i < 2; ++i)
            move_on_after(1s, [] { suspend(); });
          with_scope([](scope& s) {
            s.spin([] { suspend(); });
            s.cancel();
            suspend();
          });
          server.accept_loop([](tcp::stream&) {});
        } catch (const cancelled&) {
          shield([] { move_on_after(1s, [] { suspend(); }); });
          try {
            checkpoint();
          } catch (const cancelled&) {
          }
          throw;
        }
      });
      sleep(5s);
      f.stop();
      f.await();
      const auto again = spin({.restartable = true}, [] { suspend(); });
      for (int i = 0; i < 3; ++i) {
        yield();
        again.restart();
      }
      again.stop();
      again.await();
    });
    CHECK(said == "");
  }

  TEST_CASE("D6: a bare spin in a shield of a cancelled fiber is told never to run") {
    const std::string said = said_by([] {
      const auto f = spin({.name = "cleaner"}, [] {
        try {
          suspend();
        } catch (const cancelled&) {
          shield([] {
            (void)spin({.name = "broom"}, [] {}).wait();
            with_scope([](scope& s) { s.spin([] { sleep(1s); }); });
          });
          throw;
        }
      });
      yield();
      f.stop("enough");
      f.await();
    });
    CHECK(count(said, "\n") == 1);
    CHECK(contains(said, "fiber \"broom\", spun at "));
    CHECK(contains(said, "will never run: it belongs to fiber \"cleaner\""));
    CHECK(contains(said, "with_scope"));
  }

  TEST_CASE("D17: 1,000 messages that a receive passes over are one line per fiber") {
    const std::string said = said_by([] {
      const auto f = spin({.name = "picky"}, [] {
        for (int i = 0; i < 3; ++i)
          (void)receive<std::string>();
      });
      for (int i = 0; i < 1000; ++i)
        f << i;
      f << "a"
        << "b"
        << "c";
      f.await();
    });
    CHECK(count(said, "\n") == 1);
    CHECK(contains(said, "fiber \"picky\" passed over 1000 messages"));
  }

  TEST_CASE("R18: a deadlock is told as a dump") {
    testing::run([] {
      const auto f = spin({.name = "reader"}, [] { (void)receive<int>(); });
      sleep(3s);
      try {
        f.await();
        FAIL_CHECK("a deadlock went unseen");
      } catch (const deadlock_error& e) {
        const std::string text = e.what();
        CHECK(
            contains(text, "nothing can wake any of them:\n\"main\" waits for the end"));
        CHECK(contains(text, "\n  \"reader\" ("));
        CHECK(contains(text, "waits for a message for 3 s at "));
        CHECK(contains(text, "explain_test.cpp:"));
      }
      f.stop();
    });
  }
}

}  // namespace
}  // namespace motet
