// SPDX-License-Identifier: MIT
// What has been closed is closed for the kernel as well, and for everybody else.
#include "test/support/own_directory.hpp"

#include <motet/detail/descriptor.hpp>
#include <motet/fiber.hpp>
#include <motet/file.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using namespace motet;

namespace {

/// Runs `f` with the name of what it may make in a directory of its own.
void run_with_name(const std::function<void(const std::string& name)>& f) {
  const test::own_directory here;
  run([&] { f(here / "made"); });
}

/// libc keeps the stacks of threads that have ended, with what it has allocated for each:
/// as many as there have been at a time. That is up to the scheduler where helper threads
/// open files, and no leak.
void have_had_threads(int at_a_time) {
  std::latch all(at_a_time);
  std::vector<std::thread> threads;
  for (int i = 0; i < at_a_time; ++i)
    threads.emplace_back([&all] { all.arrive_and_wait(); });
  for (std::thread& each : threads)
    each.join();
}

TEST_SUITE("closed files") {
  TEST_CASE("what was written and closed, nobody has open for writing") {
    run_with_name([](const std::string& name) {
      int still_open = 0;
      for (int i = 0; i < 5000; ++i) {
        {
          file f = file::open(name, {.write = true, .create = true});
          f.write("ut re mi");
          if (i % 2 == 0) f.truncate(2);
        }
        // A read lease is given if nobody can write (fcntl(2)); execve(2) asks the same.
        const detail::descriptor reader(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
        if (::fcntl(reader.fd(), F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN)
          ++still_open;
      }
      CHECK(still_open == 0);
    });
  }

  TEST_CASE("a FIFO that was read to the end and closed has no reader") {
    have_had_threads(4);  // as many as a backend has
    run_with_name([](const std::string& name) {
      REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
      int still_open = 0;
      for (int i = 0; i < 1500; ++i) {
        fiber<> writer = spin(
            [&] { file::open(name, {.read = false, .write = true}).write("ut re mi"); });
        {
          file reader = file::open(name);
          std::array<std::byte, 64> room{};
          CHECK(reader.read_exactly(room).size() == 8);
        }
        const detail::descriptor again(
            ::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        if (again.fd() >= 0) ++still_open;
        writer.await();
      }
      CHECK(still_open == 0);
    });
  }
}

}  // namespace
