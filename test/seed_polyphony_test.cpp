// SPDX-License-Identifier: MIT

// The examples of Polyphony's documentation, of its pages on cancellation first: the same
// programs, and what they print. Differences are said where they are.

#include "test/support/failing.hpp"
#include "test/support/network.hpp"
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::cleanup;
using test::connect_to;
using test::listen_here;
using test::now_in_ms;
using test::read_to_end;
using test::thrown_by;
using test::trace;

using namespace std::string_literals;

struct my_timeout_error : std::runtime_error {
  my_timeout_error() : std::runtime_error("my timeout") {}
};

/// A timeout without any help: a fiber that sleeps, and then fails.
template <class F>
auto with_timeout(duration span, F&& f) {
  const scoped_fiber timeout(spin([span] {
    sleep(span);
    throw my_timeout_error();
  }));
  return f();
}

TEST_SUITE("Polyphony: stopping an operation") {
  TEST_CASE("an exception raised into a fiber ends it, and then the program") {
    trace log;
    CHECK(thrown_by([&] {
            testing::run([&] {
              const auto sleeper = spin([&] {
                const cleanup last([&] { log.at("stopped"); });
                sleep(1s);
                log("never");
              });
              sleep(500ms);
              sleeper.raise("Foo");
              sleep(1s);
            });
          }) == "Foo");
    CHECK(log == trace{"stopped@500"});
  }

  TEST_CASE("a fiber that is moved on ends with the value it is given") {
    testing::run([] {
      const auto sleeper = spin([] {
        sleep(1s);
        return "foo"s;
      });
      sleep(500ms);
      sleeper.move_on("bar");
      CHECK(sleeper.await() == "bar");
      CHECK(now_in_ms() == 500);
    });
  }
}

TEST_SUITE("Polyphony: timeouts") {
  TEST_CASE("by hand: a fiber that raises") {
    trace log;
    testing::run([&] {
      log.at(with_timeout(5s, [] {
        sleep(1s);
        return "foo";
      }));
      try {
        with_timeout(5s, [&] {
          sleep(10s);
          return "bar";
        });
        log("never");
      } catch (const my_timeout_error& e) {
        log.at(e.what());
      }
      sleep(1h);  // nothing is left that could raise
      CHECK(this_fiber::self().children().empty());
    });
    CHECK(log == trace{"foo@1000", "my timeout@6000"});
  }

  TEST_CASE("move_on_after: nothing, or a value instead") {
    trace log;
    testing::run([&] {
      const auto slow = [] {
        sleep(10s);
        return "slow"s;
      };
      CHECK_FALSE(move_on_after(5s, slow));
      log.at("nothing");
      log.at(move_on_after(5s, "foo", slow));
      log.at(move_on_after(11s, "foo", slow));
    });
    CHECK(log == trace{"nothing@5000", "foo@10000", "slow@20000"});
  }

  TEST_CASE("cancel_after: an error, or one of one's own") {
    trace log;
    testing::run([&] {
      const auto slow = [] { sleep(10s); };
      CHECK_THROWS_AS(cancel_after(5s, slow), timeout_error);
      log.at("timeout_error");
      CHECK_THROWS_AS(cancel_after(5s, with_exception<my_timeout_error>(), slow),
                      my_timeout_error);
      log.at("my_timeout_error");
      CHECK(thrown_by([&] { cancel_after(5s, with_exception("too slow"), slow); }) ==
            "too slow");
      log.at("a text");
    });
    CHECK(log == trace{"timeout_error@5000", "my_timeout_error@10000", "a text@15000"});
  }
}

struct query {
  fiber_ref peer;
  std::string term;
};

TEST_SUITE("Polyphony: restarting an operation") {
  // Each key is answered in a fiber of its own, as in the original; those of keys that
  // were overtaken wait on, until the program ends. The searcher is restartable here, as
  // it may have ended when the next key comes.
  TEST_CASE("search as you type: only the last term is searched to the end") {
    trace log;
    testing::run([&] {
      const auto searcher = spin({.restartable = true}, [&] {
        const auto [peer, term] = receive<query>();
        log.at("search " + term);
        sleep(100ms);
        peer << term + "!";
      });
      const auto search_term_updated = [&](const char* term) {
        spin([&log, searcher, text = std::string(term)] {
          searcher.restart();
          searcher << query{this_fiber::self(), text};
          log.at("show " + receive<std::string>());
        });
      };
      for (const char* const term : {"m", "mo", "mot"}) {
        search_term_updated(term);
        sleep(30ms);
      }
      sleep(110ms);
      search_term_updated("mote");
      sleep(200ms);
    });
    CHECK(log == trace{"search m@0", "search mo@30", "search mot@60", "show mot!@160",
                       "search mote@200", "show mote!@300"});
  }

  // A stop is stronger than a restart here: it has to be over before.
  TEST_CASE("a fiber that was stopped runs again") {
    trace log;
    testing::run([&] {
      const auto f = spin({.restartable = true}, [&] {
        const cleanup last([&] { log("stopped"); });
        log("going to sleep");
        sleep(1s);
        log("done sleeping");
      });
      sleep(500ms);
      f.interrupt();
      f.restart();
      f.await();
    });
    CHECK(log == trace{"going to sleep", "stopped", "going to sleep", "done sleeping",
                       "stopped"});
  }
}

constexpr const char* bye = "Closing connection due to inactivity!";

void handle_with_a_fiber(trace& log, tcp::stream& conn) {
  try {
    const auto timeout = spin([] {
      sleep(60s);
      throw my_timeout_error();
    });
    const scoped_fiber at_the_end(timeout);
    conn.recv_loop([&](std::span<const std::byte> message) {
      timeout.restart();
      log.at(test::text_of(message));
    });
    log.at("end of stream");
  } catch (const my_timeout_error&) {
    log.at(bye);
  }
}

void handle_with_cancel_after(trace& log, tcp::stream& conn) {
  try {
    cancel_after(60s, [&](timeout& idle) {
      conn.recv_loop([&](std::span<const std::byte> message) {
        idle.reset();
        log.at(test::text_of(message));
      });
    });
    log.at("end of stream");
  } catch (const timeout_error&) {
    log.at(bye);
  }
}

/// Two clients of a server: one falls silent, the other hangs up.
trace serve_with(void (*handle_connection)(trace&, tcp::stream&)) {
  trace log;
  testing::run([&] {
    tcp::listener door = listen_here();
    const auto server = spin([&] {
      door.accept_loop([&](tcp::stream& conn) { handle_connection(log, conn); });
    });
    tcp::stream silent = connect_to(door);
    for (const char* const message : {"one", "two"}) {
      sleep(50s);
      silent.write(message);
    }
    CHECK(read_to_end(silent).empty());
    tcp::stream brief = connect_to(door);
    brief.write("three");
    sleep(10s);
    brief.close();
    sleep(100s);
    server.interrupt();
    CHECK(testing::armed_timers() == 0);
  });
  return log;
}

TEST_SUITE("Polyphony: resettable timeouts") {
  const trace expected{"one@50000", "two@100000",
                       "Closing connection due to inactivity!@160000", "three@160000",
                       "end of stream@170000"};

  TEST_CASE("by hand: a fiber that is restarted") {
    CHECK(serve_with(&handle_with_a_fiber) == expected);
  }

  TEST_CASE("cancel_after: a block that resets its timeout") {
    CHECK(serve_with(&handle_with_cancel_after) == expected);
  }
}

TEST_SUITE("Polyphony: several fibers") {
  TEST_CASE("values come through those who await them") {
    testing::run([] {
      const auto a = spin([] {
        sleep(1s);
        return "foo"s;
      });
      const auto b = spin([a] { return a.await(); });
      CHECK(b.await() == "foo");
      std::vector<fiber<int>> fibers;
      for (int i = 0; i < 3; ++i)
        fibers.push_back(spin([i] { return i * 10; }));
      CHECK((await_all(fibers) == std::vector{0, 10, 20}));
    });
  }

  TEST_CASE("the fastest of several") {
    testing::run([] {
      std::vector<fiber<std::string>> fibers;
      for (const int ms : {30, 10, 20}) {
        fibers.push_back(spin([ms] {
          sleep(ms * 1ms);
          return std::to_string(ms);
        }));
      }
      CHECK(fibers[first_of(fibers)].await() == "10");
    });
  }

  // The original's supervise; here that one isolates, and a scope is what throws.
  TEST_CASE("waiting for all children, to throw what one of them fails with") {
    testing::run([] {
      CHECK(thrown_by([] {
              with_scope([](scope& s) {
                s.spin([] {
                  sleep(1s);
                  throw std::runtime_error("foo");
                });
                s.spin([] { sleep(1s); });
              });
            }) == "foo");
      CHECK(now_in_ms() == 1000);
    });
  }
}

TEST_SUITE("Polyphony: throttling") {
  TEST_CASE("loops at three paces beside each other") {
    trace log;
    testing::run([&] {
      spin_loop({.rate = 3}, [&] { log("."); });
      spin_loop({.rate = 2}, [&] { log("?"); });
      spin_loop({.every = 1s}, [&] { log("*"); });
      sleep(1100ms);
    });
    CHECK(log == trace{".", "?", "*", ".", "?", ".", ".", "*", "?"});
  }

  TEST_CASE("a throttled loop inside of move_on_after") {
    int i = 0;
    testing::run([&] {
      throttle limit{20};
      const int value = move_on_after(999ms, 42, [&]() -> int {
        for (;;)
          limit([&] { ++i; });
      });
      CHECK(value == 42);
    });
    CHECK(i == 20);
  }
}

}  // namespace
}  // namespace motet
