// SPDX-License-Identifier: MIT
// Descriptors that are closed, used again, shared, or no sockets at all.
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet::contract {
namespace {

/// Makes connections whose near end has the lowest free number.
class dialer {
 public:
  explicit dialer(host& on) : on_(on), listener_(on.listen()) {}

  connection dial_from(int fd) {
    const sockaddr_storage name = on_.name_of(listener_);
    REQUIRE(on_->answer(open_stream_call{AF_INET}) == fd);
    REQUIRE(on_.perform(connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}) ==
            0);
    const int far = on_.perform(accept_request{listener_});
    REQUIRE(far >= 0);
    return {fd, far};
  }

 private:
  host& on_;
  int listener_;
};

void hang_up(host& on, const connection& pair) {
  on.close(pair.near);
  on.close(pair.far);
}

TEST_SUITE("contract: descriptors") {
  TEST_CASE("what waits under a closed descriptor keeps waiting, and may still get it") {
    const auto scenario = [](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 1> space{};
      operation receive{receive_request{pair.near, space}};
      operation probe{poll_request{pair.near, POLLIN}};
      operation hang_up{poll_request{pair.near, 0}};
      for (operation* const each : {&receive, &probe, &hang_up})
        on->submit(*each);
      CHECK(on.quiet());
      on.close(pair.near);
      CHECK(on.quiet());
      CHECK(on.send(pair.far, "mi") == 2);
      on.collect({&receive, &probe});
      CHECK(receive.result == 1);
      CHECK(probe.result == POLLIN);
      // The peer hears of the end when the last of them is over.
      on->cancel(hang_up);
      on.collect({&hang_up});
      CHECK(hang_up.result == -ECANCELED);
      CHECK(on.receive(pair.far) == std::to_string(-ECONNRESET));
    };
    // Not where an opcode is missing: there the number is tried, which means nobody now.
    for (const char* const name : {"sim", "uring", "libev", "libev in a user's loop"})
      on_backend(name, scenario);
  }

  TEST_CASE("a new user of a number inherits nothing") {
    on_each_backend([](host& on) {
      const connection old = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{old.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      on->cancel(receive);
      on.close(old.near);
      on.collect({&receive});
      CHECK(receive.result == -ECANCELED);
      const connection fresh = on.connect();
      receive = operation{receive_request{fresh.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      CHECK(on.send(fresh.far, "re") == 2);
      on.collect({&receive});
      CHECK(receive.result == 2);
    });
  }

  TEST_CASE("a number that somebody else has closed serves its next user") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection old = on.connect();
      dialer dial(on);
      CHECK(on.send(old.far, "ut") == 2);
      CHECK(on.receive(old.near) == "ut");
      std::array<std::byte, 8> space{};
      operation receive{receive_request{old.near, space}};
      on->submit(receive);
      CHECK(on.send(old.far, "re") == 2);
      on.collect({&receive});
      // Now whatever watches the descriptor still does.
      on.close_behind_its_back(old.near);
      const connection fresh = dial.dial_from(old.near);
      receive = operation{receive_request{fresh.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      CHECK(on.send(fresh.far, "mi") == 2);
      on.collect({&receive});
      CHECK(receive.result == 2);
      hang_up(on, fresh);
    });
  }

  TEST_CASE("what waits when somebody else closes the descriptor can be cancelled") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection old = on.connect();
      dialer dial(on);
      std::array<std::byte, 8> space{};
      operation receive{receive_request{old.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      on.close_behind_its_back(old.near);
      const connection fresh = dial.dial_from(old.near);
      on->cancel(receive);
      on.collect({&receive});
      CHECK((receive.result == -ECANCELED || receive.result == -EBADF));
      CHECK(on.send(fresh.far, "mi") == 2);
      CHECK(on.receive(fresh.near) == "mi");
      hang_up(on, fresh);
    });
  }

  TEST_CASE("a copy that lives on under another number disturbs nobody") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection old = on.connect();
      dialer dial(on);
      std::array<std::byte, 8> space{};
      operation receive{receive_request{old.near, space}};
      on->submit(receive);
      CHECK(on.send(old.far, "ut") == 2);
      on.collect({&receive});
      const int copy = ::dup(old.near);
      on.close(old.near);
      CHECK(on.send(old.far, "to the copy") == 11);
      const connection fresh = dial.dial_from(old.near);
      receive = operation{receive_request{fresh.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      CHECK(on.send(fresh.far, "mi") == 2);
      on.collect({&receive});
      CHECK(receive.result == 2);
      hang_up(on, fresh);
      std::array<char, 16> room{};
      CHECK(::recv(copy, room.data(), room.size(), MSG_DONTWAIT) == 11);
      ::close(copy);
    });
  }

  TEST_CASE("regular files and directories are always ready") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      std::FILE* const file = std::tmpfile();
      REQUIRE(file != nullptr);
      const int fd = ::fileno(file);
      CHECK(on.perform(poll_request{fd, POLLIN | POLLOUT}) == (POLLIN | POLLOUT));
      // There is nothing to wait for.
      CHECK(on.perform(poll_request{fd, POLLPRI}) == -EINVAL);
      std::fclose(file);
      const int folder = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      CHECK(on.perform(poll_request{folder, POLLIN}) == POLLIN);
      ::close(folder);
    });
  }

  TEST_CASE("a pipe is told of as poll tells of it") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      std::array<int, 2> ends{};
      REQUIRE(::pipe(ends.data()) == 0);
      operation readable{poll_request{ends[0], POLLIN}};
      on->submit(readable);
      CHECK(on.quiet());
      CHECK(::write(ends[1], "x", 1) == 1);
      on.collect({&readable});
      CHECK(readable.result == POLLIN);
      char space = 0;
      CHECK(::read(ends[0], &space, 1) == 1);
      operation hung_up{poll_request{ends[0], 0}};
      on->submit(hung_up);
      CHECK(on.quiet());
      ::close(ends[1]);
      on.collect({&hung_up});
      CHECK(hung_up.result == POLLHUP);
      ::close(ends[0]);
    });
  }

  TEST_CASE("urgent data is told of, and unread bytes are not") {
    // Not on io_uring, whose polls do not hear of POLLPRI alone (io_poll_wake ignores it,
    // in Linux 6.18).
    on_backend("libev", [](host& on) {
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "unread") == 6);
      operation urgent{poll_request{pair.far, POLLPRI}};
      on->submit(urgent);
      CHECK(on.quiet());
      CHECK(::send(pair.near, "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1);
      on.collect({&urgent});
      CHECK(urgent.result == POLLPRI);
    });
  }

  TEST_CASE("sockets of a backend do not keep the next program from ending") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection pair = on.connect();
      for (const int fd : {pair.near, pair.far, on.listen()})
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    });
  }
}

}  // namespace
}  // namespace motet::contract
