// SPDX-License-Identifier: MIT
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

namespace motet {
namespace {

using test::connect_pair;
using test::read_some;
using test::run_on_kernel;

/// How a fork of a process with fibers ended that did this, and what it said.
test::death fork_that(std::function<void()> does) {
  return test::child([&](int) { does(); }).wait();
}

void check_refused(const std::string& what, std::function<void()> does) {
  const test::death how = fork_that(std::move(does));
  CHECK(how.signal == SIGABRT);
  CHECK_MESSAGE(how.said.starts_with("motet: " + what), how.said);
  CHECK(how.said.find("in the child of a fork, where no fibers run") !=
        std::string::npos);
}

TEST_SUITE("kernel: fork") {
  TEST_CASE("the child computes, closes, says things and ends; the parent goes on") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      auto reader = spin([&far = far] { return read_some(far); });
      testing::settle();
      const test::death how = fork_that([&peer = far] {
        peer.close();  // though a fiber of the parent reads from it
        ::write(STDERR_FILENO, "computed", 8);
      });
      CHECK(how.code == 0);
      CHECK(how.said == "computed");
      near.write("still there");
      CHECK(reader.await() == "still there");
    });
  }

  TEST_CASE("the child can become another program") {
    run_on_kernel([] {
      const test::death how =
          fork_that([] { ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr); });
      CHECK(how.code == 7);
      sleep(1ms);
    });
  }

  TEST_CASE("whatever would need a fiber ends the child, which says why") {
    run_on_kernel([] {
      auto [near, far] = connect_pair();
      const auto sleeper = spin([] { sleep(1h); });
      testing::settle();
      check_refused("a cancellation point", [] { sleep(1ms); });
      check_refused("a cancellation point", [] { yield(); });
      check_refused("a cancellation point", [] { checkpoint(); });
      check_refused("a cancellation point", [&near = near] { near.write("no"); });
      check_refused("a cancellation point", [] { (void)receive<int>(); });
      check_refused("a cancellation point", [] { blocking([] {}); });
      check_refused("a cancellation point", [] { mask([] { sleep(1ms); }); });
      check_refused("a cancellation point", [&] { sleeper.interrupt(); });
      check_refused("spin", [] { spin([] {}); });
      check_refused("run", [] { run([] {}); });
      check_refused("settle", [] { testing::settle(); });
      const std::string said = fork_that([] { sleep(1ms); }).said;
      CHECK(said.find("fork_test.cpp:") != std::string::npos);
      near.write("yes");
      CHECK(read_some(far) == "yes");
      CHECK(sleeper.interrupt().stopped());
    });
  }

  TEST_CASE("a fiber that ends in the child ends the child") {
    run_on_kernel([] {
      const auto f = spin([] {
        const test::child process([](int) {});
        return 1;
      });
      CHECK(f.await() == 1);
      int ends[2];
      REQUIRE(::pipe(ends) == 0);
      const auto forks = spin([&] {
        const pid_t made = ::fork();
        if (made == 0) {
          const rlimit no_core{0, 0};
          ::setrlimit(RLIMIT_CORE, &no_core);
          std::signal(SIGABRT, SIG_DFL);
          ::dup2(ends[1], STDERR_FILENO);
        }
        return made;
      });
      const pid_t made = forks.await();  // in the parent only
      int status = 0;
      CHECK(::waitpid(made, &status, 0) == made);
      CHECK(WIFSIGNALED(status));
      char said[256];
      const ssize_t length = ::read(ends[0], said, sizeof said);
      REQUIRE(length > 0);
      CHECK(std::string(said, static_cast<std::size_t>(length))
                .starts_with("motet: the end of a fiber in the child of a fork"));
      ::close(ends[0]);
      ::close(ends[1]);
    });
  }

  TEST_CASE("other threads' forks have no fibers either") {
    run_on_kernel([] {
      blocking([self = this_fiber::self()] {
        check_refused("run", [] { run([] {}); });
        check_refused("sleep", [] { sleep(1ms); });
        check_refused("a request or message", [&] { self.raise("no"); });
      });
    });
  }

  TEST_CASE("ctrl-C ends a child that has not become another program yet") {
    run([] {
      const pid_t made = ::fork();
      while (made == 0)
        ::pause();
      ::kill(made, SIGINT);
      int status = 0;
      CHECK(::waitpid(made, &status, 0) == made);
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == SIGINT);
      sleep(1ms);
    });
  }

  TEST_CASE("a fork where no scheduler runs can run its own") {
    const test::death how = fork_that([] {
      run_on_kernel([] { sleep(1ms); });
      ::write(STDERR_FILENO, "ran", 3);
    });
    CHECK(how.said == "ran");
  }
}

}  // namespace
}  // namespace motet
