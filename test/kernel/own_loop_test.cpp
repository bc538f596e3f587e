// SPDX-License-Identifier: MIT
// Fibers in a loop of the user's, among watchers that are not ours.
#include "test/kernel/child.hpp"
#include "test/kernel/kernel.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>
#include <ev.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace motet {
namespace {

struct loop_end {
  void operator()(struct ev_loop* loop) const { ev_loop_destroy(loop); }
};
using owned_loop = std::unique_ptr<struct ev_loop, loop_end>;

owned_loop make_loop() {
  return owned_loop(ev_loop_new(EVFLAG_NOENV));
}

template <class F>
auto run_in(const owned_loop& loop, F&& f) {
  return motet::run({.signals = signal_policy::none, .loop = loop.get()},
                    std::forward<F>(f));
}

/// A timer of the user's that goes off once, and tells a fiber.
struct alarm {
  ev_timer timer{};
  fiber_ref whom;

  alarm(const owned_loop& loop, double seconds, fiber_ref told) : whom(told) {
    ev_timer_init(&timer, &go_off, seconds, 0.);
    timer.data = this;
    ev_timer_start(loop.get(), &timer);
  }
  static void go_off(struct ev_loop*, ev_timer* timer, int) {
    static_cast<alarm*>(timer->data)->whom << std::string("ding");
  }
};

TEST_SUITE("kernel: own loop") {
  TEST_CASE("watchers of the user's wake fibers") {
    const owned_loop loop = make_loop();
    std::vector<std::string> heard;
    run_in(loop, [&] {
      CHECK(std::string(backend_name()) == "libev");
      // Nothing else can wake anybody: that is no deadlock here.
      const alarm rings(loop, 0.001, this_fiber::self());
      heard.push_back(receive<std::string>());
    });
    CHECK(heard == std::vector<std::string>{"ding"});
    CHECK(ev_run(loop.get(), 0) == 0);  // nobody has left a watcher
  }

  TEST_CASE("watchers of the user's are served while fibers never rest") {
    const owned_loop loop = make_loop();
    bool rung = false;
    run_in(loop, [&] {
      auto listens = spin([&] { rung = receive<std::string>() == "ding"; });
      const alarm rings(loop, 0.001, listens);
      while (!rung)
        yield();
    });
    CHECK(rung);
  }

  TEST_CASE("descriptors of the user's and of fibers are watched side by side") {
    const owned_loop loop = make_loop();
    struct reader {
      ev_io watcher{};
      fiber_ref whom;
      static void on_bytes(struct ev_loop* l, ev_io* watcher, int) {
        std::array<char, 8> space{};
        const ssize_t got = ::read(watcher->fd, space.data(), space.size());
        ev_io_stop(l, watcher);
        auto* const self = static_cast<reader*>(watcher->data);
        self->whom << std::string(space.data(), static_cast<std::size_t>(got));
      }
    } reads;
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    run_in(loop, [&] {
      tcp::listener door = tcp::listen("127.0.0.1", 0);
      auto server = spin([&] {
        door.accept_loop([&](tcp::stream& peer) {
          peer.recv_loop([&](std::span<const std::byte> data) {
            CHECK(::write(ends[1], data.data(), data.size()) == 2);
          });
        });
      });
      reads.whom = this_fiber::self();
      ev_io_init(&reads.watcher, &reader::on_bytes, ends[0], EV_READ);
      reads.watcher.data = &reads;
      ev_io_start(loop.get(), &reads.watcher);
      tcp::stream peer = tcp::connect("127.0.0.1", door.local().port());
      peer.write(std::as_bytes(std::span("re", 2)));
      CHECK(receive<std::string>() == "re");
      server.interrupt();
    });
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(ev_run(loop.get(), 0) == 0);
  }

  TEST_CASE("a callback may stop a fiber") {
    const owned_loop loop = make_loop();
    struct stopper {
      ev_timer timer{};
      fiber_ref whom;
      static void stop(struct ev_loop*, ev_timer* timer, int) {
        static_cast<stopper*>(timer->data)->whom.stop();
      }
    } stops;
    run_in(loop, [&] {
      auto sleeper = spin([] { sleep(1h); });
      stops.whom = sleeper;
      ev_timer_init(&stops.timer, &stopper::stop, 0.001, 0.);
      stops.timer.data = &stops;
      ev_timer_start(loop.get(), &stops.timer);
      CHECK(sleeper.outcome().stopped());
    });
  }

  TEST_CASE("a loop serves one run after the other") {
    const owned_loop loop = make_loop();
    const auto before = test::open_descriptors();
    for (int i = 0; i < 5; ++i)
      CHECK(run_in(loop, [i] { return (sleep(10us), i); }) == i);
    CHECK(test::open_descriptors() == before);
  }

  TEST_CASE("a loop is libev's, and no other backend runs in it") {
    const owned_loop loop = make_loop();
    for (const backend_kind other : {backend_kind::uring, backend_kind::sim}) {
      try {
        motet::run({.backend = other, .loop = loop.get()}, [] {});
        FAIL("was accepted");
      } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::invalid_argument);
        CHECK(std::string(error.what()).find("libev loop") != std::string::npos);
      }
    }
  }

  TEST_CASE("a callback that parks ends the program") {
    test::child program([](int) {
      const owned_loop loop = make_loop();
      ev_timer timer{};
      ev_timer_init(
          &timer, [](struct ev_loop*, ev_timer*, int) { sleep(1s); }, 0.001, 0.);
      ev_timer_start(loop.get(), &timer);
      run_in(loop, [] { sleep(1h); });
    });
    const test::death how = program.wait();
    CHECK(how.signal == SIGABRT);
    CHECK(how.said.find("no_suspend") != std::string::npos);
  }
}

}  // namespace
}  // namespace motet
