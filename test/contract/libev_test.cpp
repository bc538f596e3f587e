// SPDX-License-Identifier: MIT
#include "backend/libev/libev_backend.hpp"
#include "test/contract/host.hpp"

#include <doctest/doctest.h>
#include <ev.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

namespace motet::contract {
namespace {

/// A loop that somebody lends, as long as this lives.
class lender {
 protected:
  lender() = default;
  struct loop_end {
    void operator()(struct ev_loop* loop) const { ev_loop_destroy(loop); }
  };
  std::unique_ptr<struct ev_loop, loop_end> lent_{ev_loop_new(EVFLAG_NOENV)};
};

class lent_backend : lender, public libev_backend {
 public:
  lent_backend() : libev_backend(lent_.get()) {}
};

const registered usual_libev("libev", [] { return make_libev_backend(); });
const registered lent("libev in a user's loop",
                      [] { return std::make_unique<lent_backend>(); });

TEST_SUITE("libev") {
  TEST_CASE("a lent loop keeps its count of activity, and none of our watchers") {
    struct ev_loop* const loop = ev_loop_new(EVFLAG_NOENV);
    {
      host on(make_libev_backend(loop));
      const connection pair = on.connect();
      CHECK(on.send(pair.near, "ut") == 2);
      CHECK(on.receive(pair.far) == "ut");
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.far, space}};
      on->submit(receive);
      CHECK(on.quiet());
      // Nothing of the user's is active: the loop ends at once.
      CHECK(ev_run(loop, 0) == 0);
      on->cancel(receive);
      on.collect({&receive});
    }
    CHECK(ev_run(loop, 0) == 0);
    CHECK(ev_pending_count(loop) == 0);
    ev_loop_destroy(loop);
  }

  TEST_CASE("what is ready and not served yet may be cancelled, or closed and reused") {
    host on(make_libev_backend());
    struct waiting {
      connection pair;
      std::array<std::byte, 8> space;
      operation receive;
    };
    std::array<waiting, 12> all{};  // More than a poll serves.
    std::vector<operation*> expected;
    for (waiting& each : all) {
      each.pair = on.connect();
      each.receive.what = receive_request{each.pair.far, each.space};
      on->submit(each.receive);
      expected.push_back(&each.receive);
    }
    CHECK(on.quiet());
    for (const waiting& each : all)
      CHECK(::send(each.pair.near, "ut", 2, 0) == 2);
    CHECK(on.poll(on->now() + 1s));

    on->cancel(all[11].receive);
    on.close(all[10].pair.far);
    std::array<int, 2> ends{};
    CHECK(on->answer(open_pair_call{SOCK_STREAM, ends.data()}) == 0);
    CHECK(ends[0] == all[10].pair.far);
    CHECK(on.send(ends[1], "re") == 2);
    CHECK(on.receive(ends[0]) == "re");
    on.collect(expected);

    for (const waiting& each : std::span(all).first(11))
      CHECK(each.receive.result == 2);
    CHECK(all[11].receive.result == -ECANCELED);
    CHECK(on.receive(all[11].pair.far) == "ut");
    on.close(ends[0]);
    on.close(ends[1]);
  }
}

}  // namespace
}  // namespace motet::contract
