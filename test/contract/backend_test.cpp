// SPDX-License-Identifier: MIT
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace motet::contract {
namespace {

using bytes = std::vector<std::byte>;

TEST_SUITE("contract") {
  TEST_CASE("a connection joins two sockets and both know both names") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      const auto port = [&](int fd, endpoint_side side) {
        const sockaddr_storage name = on.name_of(fd, side);
        return reinterpret_cast<const sockaddr_in&>(name).sin_port;
      };
      CHECK(port(pair.near, endpoint_side::local) == port(pair.far, endpoint_side::peer));
      CHECK(port(pair.near, endpoint_side::peer) == port(pair.far, endpoint_side::local));
      CHECK(port(pair.near, endpoint_side::local) != 0);
    });
  }

  TEST_CASE("bytes arrive, in both directions, and so does the end") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "ut queant") == 9);
      CHECK(on.receive(pair.far) == "ut queant");
      CHECK(on.send(pair.far, "laxis") == 5);
      CHECK(on->answer(shut_down_call{pair.far, SHUT_WR}) == 0);
      CHECK(on.receive(pair.near) == "laxis");
      CHECK(on.receive(pair.near).empty());
      CHECK(on.send(pair.near, "re") == 2);
      CHECK(on.receive(pair.far) == "re");
    });
  }

  TEST_CASE("a parked receive ends when bytes come") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      CHECK(on.quiet());
      CHECK(on->in_flight() == 1);
      operation send{send_request{pair.near, bytes_of("mi")}};
      on->submit(send);
      on.collect({&send, &receive});
      CHECK(receive.result == 2);
      CHECK(on->in_flight() == 0);
    });
  }

  TEST_CASE("a parked accept ends when somebody connects") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      const sockaddr_storage name = on.name_of(listener);
      operation accept{accept_request{listener}};
      on->submit(accept);
      CHECK(on.quiet());
      const int fd = on->answer(open_stream_call{AF_INET});
      operation connect{connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}};
      on->submit(connect);
      on.collect({&accept, &connect});
      CHECK(connect.result == 0);
      CHECK(accept.result >= 0);
      CHECK(on.perform(connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}) ==
            -EISCONN);
      on.close(fd);
      on.close(accept.result);
    });
  }

  TEST_CASE("nobody answers at a port without a listener") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      const sockaddr_storage name = on.name_of(listener);
      on.close(listener);
      const int fd = on->answer(open_stream_call{AF_INET});
      CHECK(on.perform(connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}) ==
            -ECONNREFUSED);
      on.close(fd);
    });
  }

  TEST_CASE("a port has one listener unless both share it") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      const sockaddr_storage name = on.name_of(listener);
      open_listener_call again{as_sockaddr(name), sizeof(sockaddr_in), 1, true};
      CHECK(on->answer(again) == -EADDRINUSE);
      on.close(listener);
      const int first = on->answer(again);
      const int second = on->answer(again);
      CHECK(first >= 0);
      CHECK(second >= 0);
      on.close(first);
      on.close(second);
    });
  }

  TEST_CASE("what cannot be started comes back as failed") {
    on_each_backend([](host& on) {
      std::array<std::byte, 8> space{};
      const int unknown = 999'999;
      CHECK(on.perform(receive_request{unknown, space}) == -EBADF);
      CHECK(on.perform(send_request{unknown, space}) == -EBADF);
      CHECK(on.perform(accept_request{unknown}) == -EBADF);
      CHECK(on->answer(close_call{unknown}) == -EBADF);
      const int fresh = on->answer(open_stream_call{AF_INET});
      CHECK(on.perform(receive_request{fresh, space}) == -ENOTCONN);
      CHECK(on.perform(send_request{fresh, space}) == -EPIPE);
      CHECK(on.perform(accept_request{fresh}) == -EINVAL);
      CHECK(on->answer(shut_down_call{fresh, SHUT_WR}) == -ENOTCONN);
      sockaddr_storage name{};
      CHECK(on->answer(socket_name_call{fresh, endpoint_side::peer, &name}) == -ENOTCONN);
      on.close(fresh);
    });
  }

  TEST_CASE("a closed peer is read to the end, and written to once") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "fa") == 2);
      on.close(pair.near);
      CHECK(on.receive(pair.far) == "fa");
      CHECK(on.receive(pair.far).empty());
      CHECK(on.send(pair.far, "lost") == 4);
      CHECK(on.send(pair.far, "lost") == -EPIPE);
      CHECK(on.send(pair.far, "lost") == -EPIPE);
      CHECK(on.receive(pair.far).empty());
    });
  }

  TEST_CASE("a peer that closes with bytes unread resets the connection") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "sol") == 3);
      CHECK(on.send(pair.far, "la") == 2);
      on.close(pair.far);
      CHECK(on.receive(pair.near) == "la");
      CHECK(on.receive(pair.near) == std::to_string(-ECONNRESET));
      CHECK(on.receive(pair.near).empty());
      CHECK(on.send(pair.near, "lost") == -EPIPE);
    });
  }

  TEST_CASE("shutting down ends what is parked") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.near, space}};
      on->submit(receive);
      CHECK(on.quiet());
      CHECK(on->answer(shut_down_call{pair.near, SHUT_RD}) == 0);
      on.collect({&receive});
      CHECK(receive.result == 0);
      on.fill(pair.near);
      operation send{send_request{pair.near, space, transfer::some}};
      on->submit(send);
      CHECK(on.quiet());
      CHECK(on->answer(shut_down_call{pair.near, SHUT_WR}) == 0);
      on.collect({&send});
      CHECK(send.result == -EPIPE);
      const int listener = on.listen();
      operation accept{accept_request{listener}};
      on->submit(accept);
      CHECK(on.quiet());
      CHECK(on->answer(shut_down_call{listener, SHUT_RDWR}) == 0);
      on.collect({&accept});
      CHECK(accept.result == -EINVAL);
    });
  }

  TEST_CASE("a whole transfer ends when all bytes have moved") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      const bytes from(8'000'000, std::byte{7});
      bytes into(from.size());
      operation send{send_request{pair.near, from, transfer::whole}};
      operation receive{receive_request{pair.far, into, transfer::whole}};
      on->submit(send);
      on->submit(receive);
      on.collect({&send, &receive});
      CHECK(send.result == static_cast<std::int32_t>(from.size()));
      CHECK(receive.result == static_cast<std::int32_t>(from.size()));
      CHECK(into == from);
    });
  }

  TEST_CASE("a whole receive stops short at the end") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 64> space{};
      operation receive{receive_request{pair.far, space, transfer::whole}};
      on->submit(receive);
      CHECK(on.send(pair.near, "si") == 2);
      CHECK(on.quiet());
      CHECK(on.send(pair.near, "do") == 2);
      CHECK(on.quiet());
      on.close(pair.near);
      on.collect({&receive});
      CHECK(receive.result == 4);
    });
  }

  TEST_CASE("some is enough when some is asked for") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      const bytes from(32'000'000);
      const std::int32_t sent = on.perform(send_request{pair.near, from, transfer::some});
      CHECK(sent > 0);
      CHECK(sent < static_cast<std::int32_t>(from.size()));
    });
  }

  TEST_CASE("a message is sent in order of its parts") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::string head = "head ";
      std::string body = "body";
      std::array<iovec, 2> parts{
          {{head.data(), head.size()}, {body.data(), body.size()}}};
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      CHECK(on.perform(send_message_request{pair.near, &message}) == 9);
      CHECK(on.receive(pair.far) == "head body");
    });
  }

  TEST_CASE("readiness is told as poll tells it") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      CHECK(on.perform(poll_request{pair.far, POLLIN | POLLOUT}) == POLLOUT);
      operation readable{poll_request{pair.far, POLLIN}};
      on->submit(readable);
      CHECK(on.quiet());
      CHECK(on.send(pair.near, "do") == 2);
      on.collect({&readable});
      CHECK(readable.result == POLLIN);
      CHECK(on->answer(shut_down_call{pair.near, SHUT_WR}) == 0);
      CHECK(on.perform(poll_request{pair.far, POLLRDHUP}) == POLLRDHUP);
    });
  }

  TEST_CASE("completions come oldest first") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::deque<operation> all;
      std::vector<operation*> expected;
      for (int i = 0; i < 100; ++i) {
        all.push_back({poll_request{pair.near, POLLOUT}});
        expected.push_back(&all.back());
        on->submit(all.back());
      }
      CHECK(on.collect(expected) == expected);
    });
  }

  TEST_CASE("ten thousand operations at once all come back") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::deque<operation> all(10'000, operation{poll_request{pair.near, POLLOUT}});
      std::vector<operation*> expected;
      for (operation& op : all) {
        on->submit(op);
        expected.push_back(&op);
      }
      CHECK(on->in_flight() == all.size());
      on.collect(expected);
      CHECK(on->in_flight() == 0);
      for (const operation& op : all)
        REQUIRE(op.result == POLLOUT);
    });
  }

  TEST_CASE("closing a descriptor leaves its operations to the old owner") {
    on_each_backend([](host& on) {
      const connection old = on.connect();
      operation send{send_request{old.near, bytes_of("for the old one")}};
      on->submit(send);
      on.close(old.near);
      // On a kernel, this takes the number that has just become free.
      const connection fresh = on.connect();
      on.collect({&send});
      CHECK(send.result == 15);
      CHECK(on.receive(old.far) == "for the old one");
      operation probe{poll_request{fresh.far, POLLIN}};
      on->submit(probe);
      CHECK(on.quiet());
      on->cancel(probe);
      on.collect({&probe});
      CHECK(probe.result == -ECANCELED);
    });
  }
}

}  // namespace
}  // namespace motet::contract
