// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/tracked.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace motet {
namespace {

using test::trace;
using test::tracked;
using test::trouble;

struct join {
  std::string name;
};
struct say {
  std::string text;
};

TEST_SUITE("mailbox: receiving") {
  TEST_CASE("receive takes the oldest message of its type and leaves the others") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 1 << "one" << 2.5 << 2 << "two";
      CHECK(receive<std::string>() == "one");
      CHECK(receive<int>() == 1);
      CHECK(receive<int>() == 2);
      CHECK(receive<std::string>() == "two");
      CHECK(receive<double>() == 2.5);
    });
  }

  TEST_CASE("receive parks until a message of its type comes") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        log.at(receive<int>());
        log(receive<std::string>());
      });
      testing::settle();
      f << "not yet";
      sleep(10ms);
      CHECK(log == trace{});
      f << 1;
      f.await();
    });
    CHECK(log == trace{"1@10", "not yet"});
  }

  TEST_CASE("types match exactly") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 1L << 2U << 3;
      CHECK(receive<int>() == 3);
      CHECK(receive<unsigned>() == 2U);
      CHECK_FALSE(try_receive<int>());
      CHECK(receive<long>() == 1L);
    });
  }

  TEST_CASE("literals and C strings travel as std::string") {
    testing::run([] {
      const auto self = this_fiber::self();
      const char* const text = "pointer";
      char buffer[] = "array";
      self << "literal" << text << buffer << std::string("string");
      buffer[0] = 'X';
      CHECK(receive_all_pending<std::string>() ==
            std::vector<std::string>{"literal", "pointer", "array", "string"});
    });
  }

  TEST_CASE("receive of several types takes the oldest of any of them") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 2.5 << "one" << 1;
      const auto first = receive<int, std::string>();
      static_assert(
          std::is_same_v<decltype(first), const std::variant<int, std::string>>);
      CHECK(std::get<std::string>(first) == "one");
      CHECK(std::get<int>(receive<int, std::string>()) == 1);
      CHECK(std::get<double>(receive<int, double>()) == 2.5);
    });
  }

  TEST_CASE("receive with handlers calls the one for the oldest message") {
    trace log;
    testing::run([&] {
      const auto self = this_fiber::self();
      self << say{"hello"} << 7 << join{"ann"};
      for (int i = 0; i < 2; ++i) {
        receive([&](const join& j) { log("join " + j.name); },
                [&](say&& s) { log("say " + std::exchange(s.text, {})); });
      }
      log(receive([](int i) { return i + 1; }));
    });
    CHECK(log == trace{"say hello", "join ann", "8"});
  }

  TEST_CASE("what handlers return is their common type") {
    testing::run([] {
      this_fiber::self() << 3;
      const auto r = receive([](int i) { return i; }, [](const say&) { return 0.5; });
      static_assert(std::is_same_v<decltype(r), const double>);
      CHECK(r == 3.0);
    });
  }

  TEST_CASE("a handler that throws has taken its message") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 1 << 2;
      CHECK_THROWS_AS(receive([](int) { throw trouble(); }), const trouble&);
      CHECK(receive<int>() == 2);
    });
  }

  TEST_CASE("receive_loop receives until it is cancelled") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        receive_loop([&](int i) { log(i); }, [&](const std::string& s) { log(s); });
      });
      f << 1 << "two" << 3;
      testing::settle();
      CHECK(f.interrupt().stopped());
    });
    CHECK(log == trace{"1", "two", "3"});
  }

  TEST_CASE("receive_any takes whatever is oldest") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << "text" << 5;
      any_message first = receive_any();
      REQUIRE(first.get<std::string>() != nullptr);
      CHECK(*first.get<std::string>() == "text");
      CHECK(first.get<int>() == nullptr);
      any_message second = receive_any();
      REQUIRE(second.get<int>() != nullptr);
      CHECK(*second.get<int>() == 5);
    });
  }

  TEST_CASE("try_receive takes what is there and never parks") {
    testing::run([] {
      const auto self = this_fiber::self();
      CHECK_FALSE(try_receive<int>());
      self << "other" << 1;
      CHECK(try_receive<int>() == 1);
      CHECK_FALSE(try_receive<int>());
      CHECK(try_receive<std::string>() == "other");
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        self << 2;
        CHECK(try_receive<int>() == 2);
      });
    });
  }

  TEST_CASE("receive_all_pending takes all of its type, oldest first, and never parks") {
    testing::run([] {
      const auto self = this_fiber::self();
      CHECK(receive_all_pending<int>().empty());
      self << 1 << "x" << 2 << 3;
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        CHECK(receive_all_pending<int>() == std::vector{1, 2, 3});
      });
      CHECK(receive<std::string>() == "x");
    });
  }

  TEST_CASE("a message that can only be moved is moved all the way") {
    testing::run([] {
      const auto self = this_fiber::self();
      auto owned = std::make_unique<int>(7);
      const int* const object = owned.get();
      self << std::move(owned);
      CHECK(owned == nullptr);
      CHECK(receive<std::unique_ptr<int>>().get() == object);
      self << std::make_unique<int>(8);
      receive([](std::unique_ptr<int>&& p) { CHECK(*p == 8); });
    });
  }

  TEST_CASE("an exception_ptr is a message like any other") {
    testing::run([] {
      const auto sent = std::make_exception_ptr(trouble("data"));
      this_fiber::self() << sent;
      CHECK(receive<std::exception_ptr>() == sent);
      checkpoint();
    });
  }

  TEST_CASE("receive in a cancelled scope takes nothing") {
    testing::run([] {
      const auto self = this_fiber::self();
      self << 1;
      with_scope([&](scope& s) {
        CHECK(s.cancel());
        (void)receive<int>();
        FAIL("an entry check comes first");
      });
      CHECK(receive<int>() == 1);
    });
  }

  TEST_CASE("messages keep their order however many there are") {
    testing::run([] {
      const auto f = spin([] {
        int wrong = 0;
        for (int i = 0; i < 10'000; ++i) {
          if (receive<int>() != i) ++wrong;
        }
        return wrong;
      });
      for (int i = 0; i < 10'000; ++i) {
        f << i;
        if (i % 100 == 0) yield();
      }
      CHECK(f.await() == 0);
    });
  }
}

TEST_SUITE("mailbox: the lives of messages") {
  TEST_CASE("a message handed over before a stop is kept by its receiver") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        const auto got = receive<std::unique_ptr<int>>();
        log(*got);
        (void)receive<int>();
        log("never");
      });
      testing::settle();
      f << std::make_unique<int>(7);
      CHECK(f.stop());
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"7"});
  }

  TEST_CASE("a message that comes after the stop is not taken by the stopped receive") {
    trace log;
    testing::run([&] {
      const auto f = spin([&] {
        try {
          (void)receive<int>();
          log("never");
        } catch (const cancelled&) {
          log(receive_all_pending<int>().size());
          throw;
        }
      });
      testing::settle();
      CHECK(f.stop());
      f << 7;
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"1"});
  }

  TEST_CASE("restart empties the mailbox when it is called") {
    testing::run([] {
      const auto f = spin(
          [](bool& first) {
            if (std::exchange(first, false)) suspend();
            return receive<int>();
          },
          true);
      testing::settle();
      f << tracked() << 1;
      CHECK(tracked::alive() == 1);
      CHECK(f.restart());
      CHECK(tracked::alive() == 0);
      f << 2;
      CHECK(f.await() == 2);
    });
  }

  TEST_CASE("a message to an ended fiber is dropped and destroyed") {
    testing::run([] {
      const auto f = spin([] {});
      f.await();
      f << tracked() << 1;
      CHECK(tracked::alive() == 0);
      fiber_ref() << tracked();
      CHECK(tracked::alive() == 0);
    });
  }

  TEST_CASE("what is left in a mailbox dies in the fiber, which is shielded then") {
    trace log;
    struct parks_when_destroyed {
      trace* log;
      fiber_ref owner;
      parks_when_destroyed(trace& l, fiber_ref o) : log(&l), owner(std::move(o)) {}
      parks_when_destroyed(parks_when_destroyed&& from) noexcept
          : log(std::exchange(from.log, nullptr)), owner(from.owner) {}
      ~parks_when_destroyed() {
        if (log == nullptr) return;
        CHECK(this_fiber::self() == owner);
        sleep(10ms);
        log->at("destroyed");
      }
    };
    testing::run([&] {
      const auto f = spin([] { suspend(); });
      testing::settle();
      f << parks_when_destroyed(log, f);
      CHECK(f.stop());
      f.await();
      log.at("ended");
    });
    CHECK(log == trace{"destroyed@10", "ended@10"});
  }

  TEST_CASE("what is left in the main fiber's mailbox is destroyed") {
    testing::run([] { this_fiber::self() << tracked(); });
    CHECK(tracked::alive() == 0);
  }
}

}  // namespace
}  // namespace motet
