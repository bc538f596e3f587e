// SPDX-License-Identifier: MIT
#include "backend/posix/attempt.hpp"

#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet::contract {
namespace {

/// A connected pair of blocking sockets.
class blocking_pair {
 public:
  blocking_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) == 0); }
  blocking_pair(const blocking_pair&) = delete;
  blocking_pair& operator=(const blocking_pair&) = delete;
  ~blocking_pair() {
    for (const int fd : ends_)
      ::close(fd);
  }
  [[nodiscard]] int near() const { return ends_[0]; }
  [[nodiscard]] int far() const { return ends_[1]; }

 private:
  std::array<int, 2> ends_{};
};

/// A blocking listener on some port of 127.0.0.1.
class blocking_listener {
 public:
  blocking_listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    auto* const address = reinterpret_cast<sockaddr*>(&address_);
    REQUIRE(::bind(fd_, address, length) == 0);
    REQUIRE(::listen(fd_, 1) == 0);
    REQUIRE(::getsockname(fd_, address, &length) == 0);
  }
  blocking_listener(const blocking_listener&) = delete;
  blocking_listener& operator=(const blocking_listener&) = delete;
  ~blocking_listener() { ::close(fd_); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] connect_request call_from(int fd) const {
    return {fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_};
  }

 private:
  int fd_;
  sockaddr_in address_{};
};

std::optional<std::int32_t> attempt_after_readiness(operation& op, int fd, short events) {
  pollfd ready{fd, events, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  return attempt(op);
}

TEST_SUITE("attempt") {
  TEST_CASE("nothing waits, not even on blocking sockets") {
    const blocking_pair pair;
    std::array<std::byte, 8> space{};
    operation receive{receive_request{pair.near(), space}};
    CHECK_FALSE(attempt(receive));
    operation probe{poll_request{pair.near(), POLLIN}};
    CHECK_FALSE(attempt(probe));
    std::vector<std::byte> flood(std::size_t{4} * 1024 * 1024);
    operation send{send_request{pair.near(), flood}};
    CHECK_FALSE(attempt(send));
    CHECK(send.result > 0);
    CHECK_FALSE(attempt(send));
    const blocking_listener listener;
    operation accept{accept_request{listener.fd()}};
    CHECK_FALSE(attempt(accept));
    CHECK((::fcntl(listener.fd(), F_GETFL) & O_NONBLOCK) == 0);
  }

  TEST_CASE("connecting begins once and tells how it went") {
    const blocking_listener listener;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    operation connect{listener.call_from(fd)};
    std::optional<std::int32_t> result = attempt(connect);
    if (!result) result = attempt_after_readiness(connect, fd, POLLOUT);
    CHECK(result == 0);
    operation accept{accept_request{listener.fd()}};
    result = attempt(accept);
    if (!result) result = attempt_after_readiness(accept, listener.fd(), POLLIN);
    REQUIRE(result.value_or(-1) >= 0);
    CHECK((::fcntl(*result, F_GETFD) & FD_CLOEXEC) != 0);
    ::close(*result);
    operation again{listener.call_from(fd)};
    CHECK(attempt(again) == -EISCONN);
    ::close(fd);
  }

  TEST_CASE("a connection that is not made yet is not taken for one") {
    const blocking_listener listener;
    std::vector<int> callers;
    // The queue holds two; who comes later waits for room, and connects when there is.
    for (int i = 0; i < 3; ++i)
      callers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    std::vector<operation> calls;
    for (const int fd : callers)
      calls.push_back(operation{listener.call_from(fd)});
    for (int i = 0; i < 2; ++i) {
      auto& call = calls[static_cast<std::size_t>(i)];
      if (!attempt(call)) (void)attempt_after_readiness(call, callers[0], POLLOUT);
    }
    operation& waiting = calls[2];
    CHECK_FALSE(attempt(waiting));
    CHECK_FALSE(attempt(waiting));
    CHECK(result_of_cancelled(waiting) == -ECANCELED);
    for (const int fd : callers)
      ::close(fd);
  }

  TEST_CASE("a whole transfer goes on where it stopped") {
    const blocking_pair pair;
    std::array<std::byte, 8> space{};
    operation receive{receive_request{pair.near(), space, transfer::whole}};
    REQUIRE(::send(pair.far(), "ut re", 5, 0) == 5);
    CHECK_FALSE(attempt(receive));
    CHECK(result_of_cancelled(receive) == 5);
    REQUIRE(::send(pair.far(), " mi fa", 6, 0) == 6);
    CHECK(attempt(receive) == 8);
    CHECK(std::string(reinterpret_cast<const char*>(space.data()), 8) == "ut re mi");
    operation rest{receive_request{pair.near(), space}};
    const auto got = attempt(rest);
    REQUIRE(got == 3);
    CHECK(exhausted_by(rest.what, *got));
  }

  TEST_CASE("errors are results") {
    std::array<std::byte, 8> space{};
    operation receive{receive_request{-1, space}};
    CHECK(attempt(receive) == -EBADF);
    operation probe{poll_request{-1, POLLIN}};
    CHECK(attempt(probe) == -EBADF);
    operation closed{poll_request{999'999, POLLIN}};
    CHECK(attempt(closed) == -EBADF);
    operation accept{accept_request{999'999}};
    CHECK(attempt(accept) == -EBADF);
  }
}

}  // namespace
}  // namespace motet::contract
