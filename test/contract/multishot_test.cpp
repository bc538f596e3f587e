// SPDX-License-Identifier: MIT
// What comes without being asked for each time, on every backend.
#include "backend/multishot.hpp"

#include "backend/make_backend.hpp"
#include "backend/uring/uring_backend.hpp"
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace motet::contract {
namespace {

std::string take(host& on, multishot& from, std::int32_t result) {
  if (result <= 0) return std::to_string(result);
  std::byte* const lent = std::exchange(from.lent, nullptr);
  std::string text(reinterpret_cast<const char*>(lent), static_cast<std::size_t>(result));
  on->give_back(lent);
  return text;
}

/// What comes next, as text; or the number of the error.
std::string next(host& on, multishot& from, int fd) {
  if (!from.arrived.empty()) {
    const arrival came = from.arrived.front();
    from.arrived.erase(from.arrived.begin());
    from.lent = came.lent;
    return take(on, from, came.result);
  }
  return take(on, from, on.perform(next_request{fd, from.kind, &from}));
}

void end(host& on, multishot& of, int fd) {
  CHECK(on.perform(end_request{fd, &of}) == 0);
}

TEST_SUITE("contract: multishot") {
  TEST_CASE("bytes come in order, then the end") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      multishot from(multishot_kind::receive, pair.far);
      CHECK(on.send(pair.near, "one") == 3);
      CHECK(next(on, from, pair.far) == "one");
      CHECK(on.quiet());
      CHECK(on.send(pair.near, "two") == 3);
      CHECK(next(on, from, pair.far) == "two");
      on.close(pair.near);
      CHECK(next(on, from, pair.far) == "0");
      CHECK(next(on, from, pair.far) == "0");
      end(on, from, pair.far);
      CHECK(from.arrived.empty());
    });
  }

  TEST_CASE("what came before the end was asked for is kept, and more comes after it") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      multishot from(multishot_kind::receive, pair.far);
      std::string got;
      std::string sent;
      for (int i = 0; i < 50; ++i) {
        sent += "ab";
        CHECK(on.send(pair.near, "ab") == 2);
        if (i == 0) got += next(on, from, pair.far);
        if (i % 3 == 0) CHECK(on.quiet());
        if (i % 7 == 0) end(on, from, pair.far);
        while (!from.arrived.empty())
          got += next(on, from, pair.far);
      }
      while (got.size() < sent.size())
        got += next(on, from, pair.far);
      CHECK(got == sent);
      end(on, from, pair.far);
    });
  }

  TEST_CASE("a cancelled wait is over, and what comes later is for the next one") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      multishot from(multishot_kind::receive, pair.far);
      for (int i = 0; i < 10; ++i) {
        operation waits{next_request{pair.far, from.kind, &from}};
        on->submit(waits);
        if (i % 2 == 0) CHECK(on.quiet());
        on->cancel(waits);
        on.collect({&waits});
        CHECK(waits.result == -ECANCELED);
        CHECK(on->in_flight() == 0);
        if (i % 3 == 0) {
          CHECK(on.send(pair.near, "x") == 1);
          CHECK(next(on, from, pair.far) == "x");
        }
      }
      end(on, from, pair.far);
    });
  }

  TEST_CASE("I-10: connections that came ahead are there after the end") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      multishot from(multishot_kind::accept, listener);
      sockaddr_storage address = on.name_of(listener);
      std::vector<int> callers;
      for (int i = 0; i < 3; ++i) {
        const int caller = on->answer(open_stream_call{AF_INET});
        callers.push_back(caller);
        CHECK(on.perform(connect_request{caller, as_sockaddr(address),
                                         sizeof(sockaddr_in)}) == 0);
        if (i == 0) on.close(on.perform(next_request{listener, from.kind, &from}));
      }
      (void)on.quiet();
      end(on, from, listener);
      for (int i = 1; i < 3; ++i) {
        const int fd = from.arrived.empty()
                           ? on.perform(accept_request{listener})
                           : std::exchange(from.arrived.front(), {}).result;
        if (!from.arrived.empty()) from.arrived.erase(from.arrived.begin());
        CHECK(fd >= 0);
        on.close(fd);
      }
      for (const int each : callers)
        on.close(each);
    });
  }

  TEST_CASE("an error is told, and is none of the next descriptor") {
    on_each_backend([](host& on) {
      const int unconnected = on->answer(open_stream_call{AF_INET});
      multishot bytes(multishot_kind::receive, unconnected);
      CHECK(next(on, bytes, unconnected) == std::to_string(-ENOTCONN));
      multishot connections(multishot_kind::accept, unconnected);
      CHECK(on.perform(next_request{unconnected, multishot_kind::accept, &connections}) ==
            -EINVAL);
      on.close(unconnected);
    });
  }

  TEST_CASE("I-11: each buffer comes back, however its wait has ended") {
    const auto made = make_backend(engine::uring);
    auto* const ring = dynamic_cast<uring_backend*>(made.get());
    if (ring == nullptr) return;
    std::array<int, 2> ends{};
    REQUIRE(ring->answer(open_pair_call{SOCK_STREAM, &ends[0]}) == 0);
    multishot from(multishot_kind::receive, ends[0]);
    std::size_t got = 0;
    std::size_t sent = 0;
    const auto collect = [&](operation& awaited) {
      bool back = false;
      while (!back)
        for (operation* op = ring->poll(time_point::max()); op != nullptr; op = op->next)
          back |= op == &awaited;
    };
    for (int i = 0; i < 100'000; ++i) {
      operation waits{next_request{ends[0], from.kind, &from}};
      if (from.arrived.empty()) {
        ring->submit(waits);
        if (i % 3 == 0) {
          CHECK(::send(ends[1], "x", 1, MSG_NOSIGNAL) == 1);
          ++sent;
        }
        if (i % 2 == 0) ring->cancel(waits);
        if (i % 2 == 0 || i % 3 == 0) {
          collect(waits);
        } else {
          ring->cancel(waits);
          collect(waits);
        }
        if (waits.result > 0) got += static_cast<std::size_t>(waits.result);
        if (waits.result > 0) ring->give_back(std::exchange(from.lent, nullptr));
      }
      for (const arrival& each : std::exchange(from.arrived, {})) {
        got += static_cast<std::size_t>(each.result);
        ring->give_back(each.lent);
      }
    }
    operation last{end_request{ends[0], &from}};
    ring->submit(last);
    collect(last);
    for (const arrival& each : from.arrived) {
      got += static_cast<std::size_t>(each.result);
      ring->give_back(each.lent);
    }
    char rest[64];
    const ssize_t left = ::recv(ends[0], rest, sizeof rest, MSG_DONTWAIT);
    CHECK(got + static_cast<std::size_t>(left > 0 ? left : 0) == sent);
    CHECK(ring->buffers().size() == 64);
    CHECK(ring->buffers().free() == ring->buffers().size());
    CHECK(ring->answer(close_call{ends[0]}) == 0);
    CHECK(ring->answer(close_call{ends[1]}) == 0);
  }
}

}  // namespace
}  // namespace motet::contract
