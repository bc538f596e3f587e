// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"
#include "test/support/seccomp.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/debug.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/process.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace motet {
namespace {

using test::run_on_kernel;
using test::trouble;

process_options shell(const std::string& script) {
  return {.program = "sh", .arguments = {"-c", script}};
}

/// What a script prints, without the line's end.
std::string said_by(process_options what, std::string_view input = {}) {
  process_result result = run_process(what, input);
  CHECK(result.error == "");
  CHECK(result.status.success());
  if (result.output.ends_with('\n')) result.output.pop_back();
  return result.output;
}

/// A program that runs until it is ended; what it starts as well holds its output.
process_options endless(const std::string& before = {}) {
  process_options what = shell(before + " echo ready; exec 3<&0; cat <&3 & wait; wait");
  what.input = redirect::piped;
  what.output = redirect::piped;
  return what;
}

std::string read_line(stream& from) {
  std::byte one[1];
  std::string line;
  while (!from.read(one).empty() && one[0] != std::byte{'\n'})
    line += static_cast<char>(one[0]);
  return line;
}

process start_ready(const process_options& what) {
  process started(what);
  CHECK(read_line(started.output()) == "ready");
  return started;
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::string text_of_failure(const process_options& what) {
  try {
    const process failing(what);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "started";
}

TEST_SUITE("kernel: processes") {
  TEST_CASE("an end is a code or a signal") {
    run_on_kernel([] {
      process three(shell("exit 3"));
      CHECK(three.wait() == exit_status::of_code(3));
      CHECK(three.wait().code() == 3);
      CHECK(three.try_wait() == three.wait());
      CHECK_FALSE(three.signal(SIGTERM));
      CHECK(to_string(three.wait()) == "exited with 3");
      CHECK(process({"true"}).wait().success());
      const exit_status killed = process(shell("kill -9 $$")).wait();
      CHECK(killed.signal() == SIGKILL);
      CHECK_FALSE((killed.success() || killed.code()));
      CHECK(to_string(killed) == "killed by SIGKILL");
      process signalled(endless());
      CHECK_FALSE(signalled.try_wait());
      CHECK(signalled.signal(SIGHUP));
      CHECK(signalled.wait() == exit_status::of_signal(SIGHUP));
    });
    CHECK_FALSE(has_children());
  }

  TEST_CASE("a program that cannot be started is an error with its name") {
    run_on_kernel([] {
      CHECK(text_of_failure({"no-such-program"}) ==
            "start \"no-such-program\": No such file or directory");
      CHECK(text_of_failure({.program = "sh", .directory = "/nowhere"}) ==
            "start \"sh\" in \"/nowhere\": No such file or directory");
      CHECK(text_of_failure({"/dev/null"}) == "start \"/dev/null\": Permission denied");
      CHECK(text_of_failure({"sh", {std::string("a\0b", 3)}}) ==
            "start \"sh\": Invalid argument");
      CHECK(text_of_failure({.program = "sh", .input = redirect::to(-1)}) ==
            "start \"sh\": Bad file descriptor");
    });
    CHECK_THROWS_AS(process({"true"}), structure_error);
    testing::run([] {
      CHECK_THROWS_WITH_AS(process({"true"}),
                           "process \"true\" in the simulation, which has no programs",
                           structure_error);
    });
  }

  TEST_CASE("standard streams lead where they are told to") {
    run_on_kernel([] {
      process_options upper{"tr", {"a-z", "A-Z"}};
      upper.input = upper.output = redirect::piped;
      process both(upper);
      both.input().write("ut re mi");
      both.input().close();
      CHECK(read_line(both.output()) == "UT RE MI");
      CHECK(both.wait().success());

      process_options complaint = shell("echo out; echo err >&2");
      complaint.error = redirect::to_output;
      CHECK(run_process(complaint).output == "out\nerr\n");
      complaint.output = redirect::nothing;
      complaint.error = {};
      process_result result = run_process(complaint);
      CHECK(result.output == "");
      CHECK(result.error == "err\n");

      // Each is the other's number: none may be lost on the way.
      int ends[2];
      REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
      stream from(ends[0], stream_kind::other);
      stream to(ends[1], stream_kind::other);
      process_options crossed = shell("echo out; echo err >&2");
      crossed.output = redirect::to(ends[1]);
      crossed.error = redirect::to(ends[1]);
      CHECK(process(crossed).wait().success());
      CHECK(read_line(from) == "out");
      CHECK(read_line(from) == "err");
      crossed.output = redirect::to(STDERR_FILENO);
      crossed.error = redirect::to(STDOUT_FILENO);
      crossed.arguments[1] = "exit 5";
      CHECK(process(crossed).wait().code() == 5);
    });
  }

  TEST_CASE("a program gets three descriptors, and no habits of ours") {
    sigset_t one;
    sigset_t before;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &one, &before);
    std::signal(SIGHUP, SIG_IGN);
    run_on_kernel([] {
      const int careless = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
      // The fourth is how it looks.
      CHECK(said_by({"ls", {"/proc/self/fd"}}) == "0\n1\n2\n3");
      ::close(careless);
      // The higher digits have two signals that glibc uses itself, and leaves ignored.
      CHECK(said_by({"grep", {"-Ec", "Sig(Ign|Blk):.*0{7}$", "/proc/self/status"}}) ==
            "2");
      process leader(endless());
      CHECK(::getpgid(leader.pid()) == leader.pid());
    });
    std::signal(SIGHUP, SIG_DFL);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  TEST_CASE("environment and directory are added to ours, or replace it") {
    ::setenv("MOTET_A", "a", 1);
    run_on_kernel([] {
      process_options what = shell("echo $MOTET_A$MOTET_B $PWD");
      what.directory = "/";
      what.environment = {"MOTET_B=b"};
      CHECK(said_by(what) == "ab /");
      what.environment = {"MOTET_A=x", "MOTET_B=y=z"};
      CHECK(said_by(what) == "xy=z /");
      what.environment = {"MOTET_A"};
      CHECK(said_by(what) == "/");
      process_options all{.program = "env", .environment = {"ONLY=this"}};
      all.inherit_environment = false;
      CHECK(said_by(all) == "ONLY=this");
    });
    ::unsetenv("MOTET_A");
  }

  TEST_CASE("I-15: a wait that is cancelled leaves the child alone") {
    run_on_kernel([] {
      process child(endless());
      CHECK(move_on_after(1ms, [&] { child.wait(); }) == false);
      auto waiting = spin([&] { return child.wait(); });
      auto another = spin([&] { return child.wait(); });
      testing::settle();
      CHECK(dump().find("\"sh\" to end") != std::string::npos);
      another.stop();
      CHECK(another.outcome().stopped());
      CHECK_FALSE(child.try_wait());
      CHECK(child.signal(SIGINT));
      CHECK(waiting.await().signal() == SIGINT);
      CHECK(child.wait().signal() == SIGINT);
      auto late = spin([&] {
        this_fiber::self().stop();
        child.wait();
      });
      CHECK(late.outcome().stopped());
    });
  }

  TEST_CASE("I-15: a process whose scope is cancelled is killed and reaped") {
    run_on_kernel([] {
      std::optional<stream> output;
      with_scope([&](scope& s) {
        s.spin([&] {
          process child = start_ready(endless());
          output = std::move(child.output());
          child.wait();
        });
        while (!output)
          yield();
        s.cancel();
      });
      CHECK_FALSE(has_children());
      // Its end says that all who held the pipe are gone, the cat as well.
      CHECK(read_line(*output) == "");
      try {
        const process child = start_ready(endless());
        throw trouble();
      } catch (const trouble&) {
        CHECK_FALSE(has_children());
      }
    });
  }

  TEST_CASE("terminate asks first, and kills what does not listen, or what it left") {
    run_on_kernel([] {
      process polite = start_ready(endless("trap 'exit 7' TERM;"));
      CHECK(polite.terminate(1h).code() == 7);
      CHECK(read_line(polite.output()) == "");
      CHECK(polite.terminate(1h).code() == 7);
      process stopped = start_ready(endless("trap 'exit 8' TERM;"));
      stopped.signal(SIGSTOP);
      CHECK(stopped.terminate(1h).code() == 8);
      process deaf = start_ready(endless("trap '' TERM;"));
      CHECK(deaf.terminate(1ms).signal() == SIGKILL);
      CHECK(read_line(deaf.output()) == "");
      deaf = start_ready(endless());
      const int before = deaf.pid();
      deaf = start_ready(endless());
      CHECK((::kill(before, 0) != 0 && errno == ESRCH));
    });
    CHECK_FALSE(has_children());
  }

  TEST_CASE("outside of fibers the destructor waits all the same") {
    std::optional<process> kept;
    run_on_kernel([&] { kept.emplace(start_ready(endless())); });
    CHECK(has_children());
    kept.reset();
    CHECK_FALSE(has_children());
    run_on_kernel([&] {
      process_options what = endless("trap '' TERM;");
      what.grace = 1ms;
      kept.emplace(start_ready(what));
    });
    kept.reset();
    CHECK_FALSE(has_children());
  }

  TEST_CASE("run_process feeds and collects at once, more than pipes hold") {
    run_on_kernel([] {
      const std::string much(300'000, 'x');
      const process_options both = shell("tee /dev/stderr");
      const process_result echoed = run_process(both, much);
      CHECK(echoed.status.success());
      CHECK((echoed.output == much && echoed.error == much));
      // A program that does not read it all is no error.
      CHECK(run_process({"true"}, much).status.success());
      CHECK(run_process({"cat"}).output == "");
      CHECK_THROWS_AS(
          run_process({.program = "cat", .input = redirect::inherited}, "text"),
          structure_error);
      const bool over =
          move_on_after(20ms, [&] { run_process(shell("kill -STOP $$"), much); });
      CHECK_FALSE(over);
      CHECK_FALSE(has_children());
    });
  }

  TEST_CASE("the end of a program is seen where pidfds are refused") {
    for (const int error : {ENOSYS, EPERM}) {
      std::thread([error] {
        REQUIRE(test::refuse_calls({SYS_pidfd_open}, error) == 0);
        run_on_kernel([] {
          process child = start_ready(endless());
          CHECK(move_on_after(1ms, [&] { child.wait(); }) == false);
          CHECK(child.signal(SIGINT));
          CHECK(child.wait().signal() == SIGINT);
          CHECK(run_process(shell("exit 3")).status.code() == 3);
          process deaf = start_ready(endless("trap '' TERM;"));
          CHECK(deaf.terminate(1ms).signal() == SIGKILL);
        });
      }).join();
    }
    CHECK_FALSE(has_children());
  }

  TEST_CASE("an end that somebody else has taken is an end") {
    std::signal(SIGCHLD, SIG_IGN);
    run_on_kernel([] {
      const exit_status lost = process({"true"}).wait();
      CHECK(lost == exit_status());
      CHECK_FALSE((lost.success() || lost.code() || lost.signal()));
      CHECK(to_string(lost) == "ended, nobody knows how");
      const process ended_with_the_block(endless());
    });
    std::signal(SIGCHLD, SIG_DFL);
  }
}

}  // namespace
}  // namespace motet
