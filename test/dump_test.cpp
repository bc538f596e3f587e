// SPDX-License-Identifier: MIT
#include <motet/debug.hpp>
#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

namespace motet {
namespace {

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  return text.find(part) != std::string::npos;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// What `dump` says about the fiber of that name: its line and what is indented below.
std::string about(const std::string& name) {
  std::istringstream all(dump());
  std::string found;
  for (std::string line; std::getline(all, line);) {
    const bool detail = line.compare(line.find_first_not_of(' '), 2, "- ") == 0;
    if (!found.empty() && !detail) break;
    if (!found.empty() || line.find('"' + name + "\" (") != std::string::npos) {
      found += line + '\n';
    }
  }
  return found;
}

std::string at(unsigned line) {
  return "dump_test.cpp:" + std::to_string(line);
}

TEST_SUITE("dump") {
  TEST_CASE("R19: dump says what a fiber waits for, for how long, and where") {
    testing::run([] {
      unsigned line = 0;
      const unsigned spun = __LINE__ + 1;
      const auto f = spin({.name = "house"}, [&line] {
        line = __LINE__ + 1;
        sleep(1h);
      });
      testing::settle();
      sleep(3s);
      const std::string text = about("house");
      CHECK(contains(text, "waits for a point in time for 3 s at "));
      CHECK(contains(text, at(line)));
      CHECK(contains(text, at(spun)));
      CHECK(contains(text, "(" + std::to_string(f.id() & 0xff'ffff'ffffU) + ")"));
      f.stop();
    });
  }

  TEST_CASE("R19: every kind of point tells where it stands") {
    testing::run([] {
      auto server = tcp::listen("127.0.0.1", 0);
      const auto port = server.local().port();
      const auto other = spin({.name = "other", .mailbox = 1}, [] { suspend(); });
      other << 1;
      unsigned lines[8] = {};
      spin({.name = "0"}, [&] {
        lines[0] = __LINE__ + 1;
        sleep_until(clock::now() + 1h);
      });
      spin({.name = "1"}, [&] {
        lines[1] = __LINE__ + 1;
        suspend();
      });
      spin({.name = "2"}, [&] {
        lines[2] = __LINE__ + 1;
        (void)receive<int>();
      });
      spin({.name = "3"}, [&] {
        lines[3] = __LINE__ + 1;
        (void)other.outcome();
      });
      spin({.name = "4"}, [&] {
        lines[4] = __LINE__ + 1;
        other.await();
      });
      spin({.name = "5"}, [&] {
        lines[5] = __LINE__ + 1;
        other.send(2);
      });
      spin({.name = "6"}, [&] {
        const tcp::stream peer = server.accept();
        suspend();
      });
      spin({.name = "7"}, [&] {
        auto peer = tcp::connect("127.0.0.1", port);
        std::byte buffer[16];
        lines[7] = __LINE__ + 1;
        peer.read(buffer);
      });
      testing::settle();
      for (int i = 0; i < 8; ++i) {
        if (i == 6) continue;  // it took the connection of the next one
        CHECK(contains(about(std::to_string(i)), at(lines[i])));
      }
      spin({.name = "8"}, [&] {
        lines[6] = __LINE__ + 1;
        (void)server.accept();
      });
      testing::settle();
      CHECK(contains(about("8"), at(lines[6])));
      for (const fiber_ref& f : this_fiber::self().children())
        f.stop();
      testing::settle();  // before the listener goes
    });
  }

  TEST_CASE("R19: a request behind a shield is shown with who, where, when and why") {
    testing::run([] {
      const auto f = spin({.name = "keeper"}, [] { shield([] { sleep(10s); }); });
      testing::settle();
      const unsigned line = __LINE__ + 1;
      f.stop("user left");
      sleep(2s);
      const std::string text = about("keeper");
      CHECK(contains(text, "in a shield"));
      CHECK(contains(text, "asked to end: stop by fiber \"main\" at "));
      CHECK(contains(text, at(line) + ", 2 s ago: user left; held back by a shield"));
    });
  }

  TEST_CASE("R19: raised exceptions that wait are counted, with whose they are") {
    testing::run([] {
      const auto f = spin({.name = "keeper"}, [] {
        shield([] {
          spin({.name = "child"}, [] { throw std::runtime_error("broken"); });
          sleep(10s);
        });
        for (int i = 0; i < 2; ++i) {
          try {
            checkpoint();
          } catch (const std::exception&) {
          }
        }
      });
      testing::settle();
      f.raise("outch");
      const std::string text = about("keeper");
      CHECK(contains(text,
                     "2 exceptions raised into it: broken, the error of fiber "
                     "\"child\"; outch; held back by a shield"));
      f.await();
    });
  }

  TEST_CASE("R19: what is held back by an unwinding says so") {
    testing::run([] {
      const auto f = spin({.name = "leaver"}, [] {
        struct slow {
          slow() = default;
          slow(const slow&) = delete;
          slow& operator=(const slow&) = delete;
          ~slow() { sleep(10s); }
        } last;
        suspend();
      });
      testing::settle();
      f.stop();
      testing::settle();
      CHECK(contains(about("leaver"), "held back while it unwinds"));
    });
  }

  TEST_CASE("R19: a child is shown to end with the one it lives in") {
    testing::run([] {
      const auto f = spin({.name = "parent"}, [] {
        spin({.name = "child"}, [] { shield([] { sleep(1s); }); });
        shield([] { sleep(1s); });
      });
      testing::settle();
      f.stop("enough");
      const std::string text = about("child");
      CHECK(contains(text, "to end with fiber \"parent\": stop by fiber \"main\""));
      CHECK(contains(text, "enough; held back by a shield"));
    });
  }

  TEST_CASE("R19: deadlines, graces and messages are shown where there are any") {
    testing::run([] {
      const auto f = spin({.name = "busy"}, [] {
        move_on_after(10s, [] { (void)receive<std::string>(); });
      });
      testing::settle();
      f << 1 << 2;
      f.terminate(5s);
      sleep(1s);
      const std::string text = about("busy");
      CHECK(contains(text, "its time is up in 9 s"));
      CHECK(contains(text, "will be stopped in 4 s: terminate by fiber \"main\""));
      CHECK(contains(text, "2 messages"));
    });
  }

  TEST_CASE("dump tells fibers that were kept for a restart") {
    testing::run([] {
      const auto f = spin({.name = "again", .restartable = true}, [] {});
      f.await();
      CHECK(contains(about("again"), "ended, restartable"));
    });
  }

  TEST_CASE("dump of 10,000 fibers that do the same fits on a screen") {
    testing::run([] {
      for (int i = 0; i < 10'000; ++i)
        spin([] { sleep(1h); });
      spin({.name = "odd"}, [] { (void)receive<int>(); });
      testing::settle();
      const std::string text = dump();
      CHECK(lines_in(text) < 20);
      CHECK(contains(text, "and 9994 fibers more"));
      CHECK(contains(text, "\"odd\""));
      for (const fiber_ref& f : this_fiber::self().children())
        f.stop();
    });
  }

  TEST_CASE("fibers with names or children always have a line") {
    testing::run([] {
      for (int i = 0; i < 20; ++i) {
        spin({.name = "named " + std::to_string(i)}, [] { sleep(1s); });
      }
      for (int i = 0; i < 20; ++i) {
        spin([] {
          spin({.name = "inner"}, [] { sleep(1s); });
          sleep(1s);
        });
      }
      testing::settle();
      CHECK(lines_in(dump()) == 1 + 20 + 40);
    });
  }

  TEST_CASE("dump writes to streams, too, and nothing outside of fibers") {
    testing::run([] {
      std::ostringstream to;
      dump(to);
      CHECK(to.str() == dump());
      CHECK(to.str() == "\"main\" running\n");
    });
    CHECK(dump().empty());
  }

  TEST_CASE("stats counts what there is") {
    CHECK(stats() == scheduler_stats{});
    testing::run([] {
      CHECK(stats() == scheduler_stats{.fibers = 1});
      const auto sleeper = spin([] { sleep(1s); });
      const auto next = spin([] {});
      CHECK(stats() == scheduler_stats{.fibers = 3, .runnable = 2, .stacks = 2});
      testing::settle();
      CHECK(next.done());
      CHECK(stats() ==
            scheduler_stats{.fibers = 2, .parked = 1, .stacks = 2, .timers = 1});
      auto server = tcp::listen("127.0.0.1", 0);
      const auto accepter = spin([&] { (void)server.accept(); });
      testing::settle();
      CHECK(stats().operations == 1);
      CHECK(stats().parked == 2);
      accepter.interrupt();
    });
  }
}

}  // namespace
}  // namespace motet
