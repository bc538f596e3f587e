// SPDX-License-Identifier: MIT
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace motet::contract {
namespace {

using bytes = std::vector<std::byte>;

/// Lets `what` park, cancels it, and hands back what it ended with.
std::int32_t cancel_parked(host& on, request what) {
  operation op{what};
  on->submit(op);
  CHECK(on.quiet());
  on->cancel(op);
  CHECK(on->in_flight() == 1);
  on.collect({&op});
  return op.result;
}

TEST_SUITE("contract: cancel") {
  TEST_CASE("whatever is parked can be cancelled") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      CHECK(cancel_parked(on, receive_request{pair.far, space}) == -ECANCELED);
      CHECK(cancel_parked(on, poll_request{pair.far, POLLIN}) == -ECANCELED);
      CHECK(cancel_parked(on, accept_request{on.listen()}) == -ECANCELED);
      on.fill(pair.near);
      CHECK(cancel_parked(on, send_request{pair.near, space}) == -ECANCELED);
      std::array<iovec, 1> part{{{space.data(), space.size()}}};
      msghdr message{};
      message.msg_iov = part.data();
      message.msg_iovlen = part.size();
      CHECK(cancel_parked(on, send_message_request{pair.near, &message}) == -ECANCELED);
    });
  }

  TEST_CASE("connecting can be cancelled") {
    on_each_backend([](host& on) {
      const int listener = on.listen(0);
      const sockaddr_storage name = on.name_of(listener);
      std::vector<int> descriptors;
      // At the latest the third has to wait for room.
      for (int i = 0; i < 3; ++i) {
        const int fd = on->answer(open_stream_call{AF_INET});
        descriptors.push_back(fd);
        operation connect{connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}};
        on->submit(connect);
        if (!on.quiet()) {
          on.collect({&connect});
          CHECK(connect.result == 0);
        } else {
          on->cancel(connect);
          on.collect({&connect});
          CHECK(connect.result == -ECANCELED);
        }
      }
      for (const int fd : descriptors)
        on.close(fd);
    });
  }

  TEST_CASE("a cancelled receive takes no bytes") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      CHECK(cancel_parked(on, receive_request{pair.far, space}) == -ECANCELED);
      CHECK(on.send(pair.near, "re") == 2);
      CHECK(on.receive(pair.far) == "re");
    });
  }

  TEST_CASE("a cancelled accept leaves the connection to the next") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      const sockaddr_storage name = on.name_of(listener);
      CHECK(cancel_parked(on, accept_request{listener}) == -ECANCELED);
      const int fd = on->answer(open_stream_call{AF_INET});
      CHECK(on.perform(connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}) == 0);
      const int accepted = on.perform(accept_request{listener});
      CHECK(accepted >= 0);
      on.close(accepted);
      on.close(fd);
    });
  }

  TEST_CASE("a cancel comes before what is submitted after it") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      CHECK(on.quiet());
      on->cancel(receive);
      operation send{send_request{pair.near, bytes_of("mi")}};
      on->submit(send);
      on.collect({&receive, &send});
      CHECK(receive.result == -ECANCELED);
      CHECK(send.result == 2);
      CHECK(on.receive(pair.far) == "mi");
    });
  }

  TEST_CASE("cancelling twice does no harm") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      on->cancel(receive);
      on->cancel(receive);
      (void)on.quiet();
      on->cancel(receive);
      on.collect({&receive});
      CHECK(receive.result == -ECANCELED);
      CHECK(on.quiet());
    });
  }

  TEST_CASE("an operation can be cancelled before it has reached the kernel") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      for (int i = 0; i < 1000; ++i) {
        operation receive{receive_request{pair.far, space}};
        on->submit(receive);
        on->cancel(receive);
        on.collect({&receive});
        REQUIRE(receive.result == -ECANCELED);
      }
      CHECK(on.send(pair.near, "ut") == 2);
      CHECK(on.receive(pair.far) == "ut");
    });
  }

  TEST_CASE("a cancel that comes too late changes nothing") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "la") == 2);
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      on->cancel(receive);
      on.collect({&receive});
      CHECK(receive.result == 2);
    });
  }

  TEST_CASE("a late cancel does not hit the next operation in the same place") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 1> space{};
      for (int i = 0; i < 1000; ++i) {
        CHECK(on.send(pair.near, "x") == 1);
        operation receive{receive_request{pair.far, space}};
        on->submit(receive);
        on->cancel(receive);
        on.collect({&receive});
        REQUIRE(receive.result == 1);
        // The same memory, and most likely the same slot, while the cancel may still be
        // under way.
        receive = operation{receive_request{pair.far, space}};
        on->submit(receive);
        REQUIRE(on->in_flight() == 1);
        CHECK(on.send(pair.near, "y") == 1);
        on.collect({&receive});
        REQUIRE(receive.result == 1);
      }
    });
  }

  TEST_CASE("a whole transfer cancelled half-way says how far it came") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      const bytes from(32'000'000, std::byte{3});
      const std::int32_t sent = cancel_parked(on, send_request{pair.near, from});
      CHECK(sent > 0);
      CHECK(sent < static_cast<std::int32_t>(from.size()));
      CHECK(on->answer(shut_down_call{pair.near, SHUT_WR}) == 0);
      bytes into(from.size());
      CHECK(on.perform(receive_request{pair.far, into, transfer::whole}) == sent);
      CHECK(on.send(pair.far, "half") == 4);
      CHECK(cancel_parked(on, receive_request{pair.near, into, transfer::whole}) == 4);
    });
  }

  TEST_CASE("a thousand cancelled at once all come back") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::vector<operation> all(1000, operation{poll_request{pair.near, POLLIN}});
      std::vector<operation*> expected;
      for (operation& op : all) {
        on->submit(op);
        expected.push_back(&op);
      }
      CHECK(on.quiet());
      for (operation& op : all)
        on->cancel(op);
      on.collect(expected);
      for (const operation& op : all)
        REQUIRE(op.result == -ECANCELED);
      CHECK(on.quiet());
    });
  }
}

}  // namespace
}  // namespace motet::contract
