// SPDX-License-Identifier: MIT
#include "backend/libev/libev_backend.hpp"
#include "test/contract/host.hpp"
#include "test/contract/reading.hpp"
#include "test/kernel/child.hpp"

#include <doctest/doctest.h>
#include <ev.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#include <fcntl.h>

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

const registered usual("libev", [] { return make_libev_backend(); });
const registered lent("libev in a user's loop",
                      [] { return std::make_unique<lent_backend>(); });

TEST_SUITE("libev") {
  TEST_CASE("a child of fork is told, and its parent goes on") {
    host on(make_libev_backend());
    const connection pair = on.connect();
    std::array<std::byte, 8> space{};
    operation receive{receive_request{pair.far, space}};
    on->submit(receive);
    CHECK(on.quiet());
    {
      test::child user([&](int) { (void)on->poll(time_point::min()); });
      const test::death how = user.wait();
      CHECK(how.signal == SIGABRT);
      CHECK(how.said.find("motet: libev: used after fork") != std::string::npos);
    }
    {
      test::child closer([&](int) { on.close(pair.far); });
      CHECK(closer.wait().code == 0);
    }
    CHECK(on.send(pair.near, "re") == 2);
    on.collect({&receive});
    CHECK(receive.result == 2);
  }

  TEST_CASE("a child of fork has no helper threads, and ends without them") {
    std::unique_ptr<backend> made = make_libev_backend();
    const own_fd directory(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::array<std::byte, 8> space{};
    operation read{read_request{directory, space}};
    made->submit(read);
    while (made->poll(made->now() + 10s) == nullptr) {
    }
    CHECK(read.result == -EISDIR);
    test::child leaver([&](int) {
      (void)made->answer(close_call{directory});
      made.reset();
    });
    CHECK(leaver.wait().code == 0);
  }

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
}

}  // namespace
}  // namespace motet::contract
