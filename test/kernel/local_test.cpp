// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/local.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/udp.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet {
namespace {

using test::bytes_of;
using test::complaint_of;
using test::open_descriptors;
using test::run_on_kernel;
using test::text_of;

bool same_file(int one, int other) {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino &&
         a.st_dev == b.st_dev;
}

/// As a program that was killed leaves its socket.
void leave_behind(const std::string& path) {
  const endpoint at = endpoint::of_path(path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::bind(fd, static_cast<const sockaddr*>(at.system_address()),
               static_cast<socklen_t>(at.system_length())) == 0);
  ::close(fd);
}

int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  CHECK(::getsockopt(fd, level, name, &value, &length) == 0);
  return value;
}

TEST_SUITE("local: descriptors") {
  TEST_CASE("descriptors arrive with the bytes, and are close-on-exec") {
    run_on_kernel([] {
      auto [one, other] = local::pair();
      auto [given, kept] = local::pair();
      const std::array fds{given.native_handle(), kept.native_handle()};
      local::send_descriptors(one, bytes_of("two of them"), fds);
      std::array<std::byte, 64> room{};
      local::received came = local::receive_descriptors(other, room);
      CHECK(text_of(came.data) == "two of them");
      REQUIRE(came.descriptors.size() == 2);
      CHECK(same_file(came.descriptors[0].native_handle(), fds[0]));
      CHECK((::fcntl(came.descriptors[0].native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
      stream mine(came.descriptors[0].release());
      mine.write("through it");
      CHECK(test::read_some(kept) == "through it");
      one.close();
      came = local::receive_descriptors(other, room);
      CHECK(came.data.empty());
      CHECK(came.descriptors.empty());
    });
  }

  TEST_CASE("a thousand rounds, cancelled and closed in between, leak none") {
    run_on_kernel([] {
      const auto before = open_descriptors();
      const int fd = STDERR_FILENO;
      const std::vector<int> many(local::most_descriptors, fd);
      for (int i = 0; i < 1000; ++i) {
        auto [one, other] = local::pair();
        std::array<std::byte, 8> room{};
        std::size_t got = 0;
        auto receiver = spin([&, &from = other] {
          got = local::receive_descriptors(from, room).descriptors.size();
        });
        yield();
        if (i % 4 == 1) receiver.stop();
        local::send_descriptors(
            one, bytes_of("x"),
            i % 50 == 0 ? std::span<const int>(many) : std::span(&fd, 1));
        if (i % 4 == 2) receiver.stop();
        if (i % 4 == 3) other.close();
        const auto how = receiver.outcome();
        if (how.stopped() && i % 4 != 3)
          got = local::receive_descriptors(other, room).descriptors.size();
        if (i % 4 != 3) CHECK(got == (i % 50 == 0 ? local::most_descriptors : 1));
      }
      CHECK(open_descriptors() == before);
      CHECK(testing::operations_in_flight() == 0);
    });
  }

  TEST_CASE("where there is no room for all, those that came are closed") {
    run_on_kernel([] {
      auto [one, other] = local::pair();
      const std::vector<int> many(20, STDERR_FILENO);
      local::send_descriptors(one, bytes_of("x"), many);
      const auto before = open_descriptors();
      rlimit usual{};
      ::getrlimit(RLIMIT_NOFILE, &usual);
      // The lowest numbers are in use, more or less.
      const rlimit tight{static_cast<rlim_t>(before) + 10, usual.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &tight);
      std::array<std::byte, 8> room{};
      const std::string said = complaint_of(
          [&, &from = other] { (void)local::receive_descriptors(from, room); });
      ::setrlimit(RLIMIT_NOFILE, &usual);
      CHECK(said == "receive descriptors: Too many open files");
      CHECK(open_descriptors() == before);
    });
  }
}

TEST_SUITE("local: files") {
  TEST_CASE("what a program left that has ended is removed, other files are not") {
    run_on_kernel([] {
      const std::string path = "/tmp/motet-left-" + std::to_string(::getpid());
      leave_behind(path);
      CHECK(complaint_of([&] { (void)local::connect(path); }) ==
            "connect " + path + ": Connection refused");
      {
        local::listener next = local::listen(path);
        stream near = local::connect(path);
        next.accept().write("mine");
        CHECK(test::read_some(near) == "mine");
      }
      ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      CHECK(complaint_of([&] { (void)local::listen(path); }) ==
            "listen on " + path + ", which is no socket: Address already in use");
      CHECK(::unlink(path.c_str()) == 0);
    });
  }

  TEST_CASE("a listener does not remove what another one has put in its place") {
    run_on_kernel([] {
      const std::string path = "/tmp/motet-old-" + std::to_string(::getpid());
      local::listener old = local::listen(path);
      CHECK(::unlink(path.c_str()) == 0);
      const local::listener next = local::listen(path);
      old.close();
      CHECK_NOTHROW((void)local::connect(path));
    });
  }
}

TEST_SUITE("sockets: options") {
  TEST_CASE("options reach the system, and connections inherit their listener's") {
    run_on_kernel([] {
      tcp::listener door = test::listen_here();
      door.set(keep_alive{.idle = 60s, .interval = 10s, .count = 5});
      door.set(user_timeout{30s});
      tcp::stream near = test::connect_to(door);
      const tcp::stream far = door.accept();
      const int fd = far.native_handle();
      CHECK(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
      CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
      CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
      CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT) == 5);
      CHECK(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000);
      near.set(no_delay{false});
      near.set(cork{});
      near.set(receive_buffer{100'000});
      near.set(time_to_live{7});
      CHECK(option_of(near.native_handle(), IPPROTO_TCP, TCP_NODELAY) == 0);
      CHECK(option_of(near.native_handle(), SOL_SOCKET, SO_RCVBUF) == 200'000);
      CHECK(option_of(near.native_handle(), IPPROTO_IP, IP_TTL) == 7);
      near.set(reset_on_close{});
      near.close();
      std::array<std::byte, 8> room{};
      std::error_code ec;
      stream& last = const_cast<stream&>(far);
      CHECK(last.read(room, ec).empty());
      CHECK(ec == std::errc::connection_reset);
      CHECK(complaint_of([&, &s = last] {
              s.set(multicast_group{{}});
            }).starts_with("set the socket's multicast_group: "));
    });
  }

  TEST_CASE("an IPv6 socket that is told so takes no IPv4") {
    run_on_kernel([] {
      std::optional<tcp::listener> six;
      try {
        six = tcp::listen("::", 0, {.v6_only = true});
      } catch (const std::system_error&) {
        MESSAGE("no IPv6 here");
        return;
      }
      const std::uint16_t port = six->local().port();
      CHECK_THROWS_AS((void)tcp::connect("127.0.0.1", port), std::system_error);
      CHECK_NOTHROW((void)tcp::connect("::1", port));
    });
  }
}

}  // namespace
}  // namespace motet
