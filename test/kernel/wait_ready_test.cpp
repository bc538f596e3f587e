// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet {
namespace {

/// The two ends of a connection, which do not block.
struct ends {
  ends() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0); }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  ~ends() {
    close_far();
    ::close(fds[0]);
  }

  void close_far() {
    if (fds[1] >= 0) ::close(fds[1]);
    fds[1] = -1;
  }
  void fill() const {
    const char room[4096] = {};
    while (::write(fds[0], room, sizeof room) > 0) {
    }
  }
  void drain() const {
    char room[4096];
    while (::read(fds[1], room, sizeof room) > 0) {
    }
  }

  int fds[2];
};

int error_of(void (*wait)(int, call_site), int fd) {
  try {
    wait(fd, call_site::here());
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST_SUITE("kernel: ready descriptors") {
  TEST_CASE("a descriptor is readable once something has arrived, and stays so") {
    test::run_on_kernel([] {
      const ends e;
      const auto f = spin([&] { wait_readable(e.fds[0]); });
      testing::settle();
      CHECK_FALSE(f.done());
      REQUIRE(::write(e.fds[1], "x", 1) == 1);
      f.await();
      wait_readable(e.fds[0]);  // nobody has read it
      char got = 0;
      CHECK(::read(e.fds[0], &got, 1) == 1);
    });
  }

  TEST_CASE("a descriptor is writable when there is room") {
    test::run_on_kernel([] {
      const ends e;
      wait_writable(e.fds[0]);
      e.fill();
      const auto f = spin([&] { wait_writable(e.fds[0]); });
      testing::settle();
      CHECK_FALSE(f.done());
      e.drain();
      f.await();
    });
  }

  TEST_CASE("the end of a stream counts as ready") {
    test::run_on_kernel([] {
      ends e;
      e.fill();
      const auto reader = spin([&] { wait_readable(e.fds[0]); });
      const auto writer = spin([&] { wait_writable(e.fds[0]); });
      testing::settle();
      e.close_far();
      reader.await();
      writer.await();
    });
  }

  TEST_CASE("two fibers wait for both directions, and a stop ends one wait") {
    test::run_on_kernel([] {
      const ends e;
      e.fill();
      const auto reader = spin([&] { wait_readable(e.fds[0]); });
      const auto writer = spin([&] { wait_writable(e.fds[0]); });
      testing::settle();
      CHECK(reader.interrupt().stopped());
      CHECK_FALSE(writer.done());
      e.drain();
      writer.await();
      CHECK_FALSE(move_on_after(1ms, [&] { wait_readable(e.fds[0]); }));
    });
  }

  TEST_CASE("a descriptor that is not open cannot be waited for") {
    test::run_on_kernel([] {
      CHECK(error_of(&wait_readable, -1) == EBADF);
      const int closed = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::close(closed);
      CHECK(error_of(&wait_readable, closed) == EBADF);
      CHECK(error_of(&wait_writable, closed) == EBADF);
      CHECK_THROWS_WITH(wait_readable(-1),
                        doctest::Contains("wait until descriptor -1 is readable"));
    });
  }

  TEST_CASE("a file is always ready") {
    test::run_on_kernel([] {
      const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
      REQUIRE(file >= 0);
      CHECK(error_of(&wait_readable, file) == 0);
      ::close(file);
    });
  }
}

}  // namespace
}  // namespace motet
