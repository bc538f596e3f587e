// SPDX-License-Identifier: MIT
#include "test/support/trace.hpp"
#include "test/support/trouble.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace motet {
namespace {

using test::trace;
using test::trouble;

/// For `read`.
constexpr auto itself = [](const auto& value) { return value; };

struct accounts {
  int mine = 10;
  int yours = 0;
};

TEST_SUITE("guarded") {
  TEST_CASE("fibers change a guarded value one at a time, in the order they came") {
    trace log;
    testing::run([&] {
      guarded<std::string> text("-");
      with_scope([&](scope& s) {
        for (const char* letter : {"a", "b", "c"}) {
          s.spin([&text, &log, letter] {
            log.at(text.modify([letter](std::string& t) {
              sleep(10ms);
              return t += letter;
            }));
          });
        }
      });
      CHECK(text.read(itself) == "-abc");
    });
    CHECK(log == trace{"-a@10", "-ab@20", "-abc@30"});
  }

  TEST_CASE("a change that is cancelled or fails has not happened") {
    testing::run([] {
      guarded<accounts> bank;
      const auto transfer = [&](auto in_between) {
        bank.modify([&](accounts& a) {
          a.mine -= 3;
          in_between();
          a.yours += 3;
        });
      };
      const auto f = spin([&] { transfer([] { suspend(); }); });
      testing::settle();
      f.interrupt();
      CHECK(bank.read(itself).mine == 10);
      CHECK_THROWS_AS(transfer([] { throw trouble(); }), trouble);
      CHECK(bank.read(itself).mine == 10);
      CHECK_FALSE(bank.poisoned());
      transfer([] { sleep(1ms); });
      CHECK(bank.read(itself).mine == 7);
      CHECK(bank.read(itself).yours == 3);
    });
  }

  TEST_CASE("C-15: an exception inside of a change in place poisons the value") {
    testing::run([] {
      guarded<accounts> bank;
      const auto fail = [](accounts& a) {
        a.mine = 0;
        throw trouble();
      };
      CHECK_THROWS_AS(bank.modify({.poison = true}, fail), trouble);
      CHECK(bank.poisoned());
      CHECK_THROWS_AS(bank.modify([](accounts&) {}), poisoned_error);
      CHECK_THROWS_AS(bank.modify({.poison = true}, fail), poisoned_error);
      CHECK_THROWS_AS((void)bank.read(itself), poisoned_error);
      bank.set({1, 2});
      CHECK_FALSE(bank.poisoned());
      CHECK(bank.read(itself).yours == 2);
    });
  }

  TEST_CASE("C-15: a cancellation inside of a change in place poisons the value, too") {
    testing::run([] {
      guarded<accounts> bank;
      const auto f =
          spin([&] { bank.modify({.poison = true}, [](accounts&) { suspend(); }); });
      testing::settle();
      CHECK_FALSE(bank.poisoned());
      f.interrupt();
      CHECK(bank.poisoned());
    });
  }

  TEST_CASE("C-15: a shield inside of a change in place prevents that") {
    testing::run([] {
      guarded<accounts> bank;
      const auto f = spin([&] {
        bank.modify({.poison = true}, [](accounts& a) {
          shield([&] {
            a.mine -= 1;
            sleep(10ms);
            a.yours += 1;
          });
        });
        checkpoint();
      });
      testing::settle();
      CHECK(f.interrupt().stopped());
      CHECK_FALSE(bank.poisoned());
      CHECK(bank.read(itself).yours == 1);
    });
  }

  TEST_CASE("C-15: waiting for a guarded value stays cancellable, and poisons nothing") {
    trace log;
    testing::run([&] {
      guarded<int> number(1);
      spin([&] {
        number.modify({.poison = true}, [](int& n) {
          sleep(20ms);
          return ++n;
        });
      });
      testing::settle();
      CHECK_FALSE(move_on_after(
          10ms, [&] { number.modify({.poison = true}, [](int& n) { n = 9; }); }));
      log.at("given up");
      log.at(number.read(itself));
    });
    CHECK(log == trace{"given up@10", "2@20"});
  }

  TEST_CASE("a stopped waiter's place goes to the next, a turn once given is kept") {
    trace log;
    testing::run([&] {
      guarded<int> number(0);
      const promise<> go_on;
      const auto add = [&](const char* name, int n) {
        return spin([&, name, n] {
          number.modify([n](int& value) { value += n; });
          log(name);
          checkpoint();
          log("never, if stopped");
        });
      };
      const auto holder = spin([&] { number.modify([&](int&) { go_on.get(); }); });
      testing::settle();
      const auto a = add("a", 1);
      const auto b = add("b", 10);
      testing::settle();
      a.stop();
      go_on.set();
      yield();   // the holder has handed on to b, which has not run
      b.stop();  // and keeps its turn
      holder.await();
      CHECK(b.outcome().stopped());
      CHECK(number.read(itself) == 10);
    });
    CHECK(log == trace{"b"});
  }

  TEST_CASE("in a mask a value that is free is changed, one that is not is waited for") {
    trace log;
    testing::run([&] {
      guarded<int> free(0);
      guarded<int> taken(0);
      const scoped_fiber holder(spin([&] { taken.modify([](int&) { suspend(); }); }));
      testing::settle();
      const auto f = spin({.start = start_policy::always}, [&] {
        this_fiber::self().stop();
        mask([&] {
          log(free.modify([](int& n) { return ++n; }));
          log("went through");
          taken.modify([](int&) {});
          log("never");
        });
      });
      CHECK(f.outcome().stopped());
    });
    CHECK(log == trace{"1", "went through"});
  }

  TEST_CASE("who is in a guarded value already is told so") {
    testing::run([] {
      guarded<int> number(1);
      CHECK_THROWS_AS(number.modify([&](int&) { (void)number.read(itself); }),
                      deadlock_error);
      CHECK(number.read(itself) == 1);
    });
  }

  TEST_CASE("what cannot be copied is changed in place") {
    testing::run([] {
      guarded<std::unique_ptr<int>> number(std::make_unique<int>(1));
      const int two =
          number.modify({.poison = true}, [](std::unique_ptr<int>& n) { return ++*n; });
      CHECK(two == 2);
      CHECK(number.read([](const std::unique_ptr<int>& n) { return *n; }) == 2);
    });
  }

  TEST_CASE("no money is lost or made, wherever somebody is cancelled") {
    const auto report = testing::cancel_everywhere({.each_fiber = true}, [] {
      guarded<accounts> bank;
      with_scope([&](scope& s) {
        for (int i = 0; i < 3; ++i) {
          s.spin([&] {
            bank.modify([](accounts& a) {
              a.mine -= 1;
              sleep(1ms);
              a.yours += 1;
              checkpoint();
            });
          });
        }
      });
      shield([&] {
        bank.read([](const accounts& a) {
          if (a.mine + a.yours != 10) throw trouble("unbalanced");
        });
      });
    });
    CHECK(report.points >= 9);
  }
}

}  // namespace
}  // namespace motet
