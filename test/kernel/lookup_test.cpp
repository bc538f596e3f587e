// SPDX-License-Identifier: MIT
#include "test/kernel/kernel.hpp"

#include <motet/blocking.hpp>
#include <motet/debug.hpp>
#include <motet/fiber.hpp>
#include <motet/resolve.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>

namespace {

/// Looks up names that end in ".held": when the test says so.
struct {
  std::mutex lock;
  std::condition_variable changed;
  bool open = true;
  int calls = 0;
  int inside = 0;
  int most_inside = 0;
} desk;

int look_up_held(addrinfo** found) {
  std::unique_lock hold(desk.lock);
  ++desk.calls;
  desk.most_inside = std::max(desk.most_inside, ++desk.inside);
  desk.changed.notify_all();
  desk.changed.wait(hold, [] { return desk.open; });
  --desk.inside;
  desk.changed.notify_all();
  hold.unlock();
  return ::getaddrinfo("127.0.0.1", nullptr, nullptr, found);
}

}  // namespace

/// In the place of the C library's own.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (host != nullptr && std::string(host).ends_with(".held")) return look_up_held(found);
  return real(host, service, hints, found);
}

namespace motet {
namespace {

using test::run_on_kernel;

/// From now on lookups wait; none does when this goes.
class held_desk {
 public:
  held_desk() {
    const std::scoped_lock hold(desk.lock);
    desk.open = false;
    desk.calls = desk.most_inside = 0;
  }
  held_desk(const held_desk&) = delete;
  held_desk& operator=(const held_desk&) = delete;
  ~held_desk() {
    open();
    // Those that were left to themselves end.
    std::unique_lock hold(desk.lock);
    desk.changed.wait(hold, [] { return desk.inside == 0; });
  }
  void open() {
    const std::scoped_lock hold(desk.lock);
    desk.open = true;
    desk.changed.notify_all();
  }
  /// Until so many are being looked up, on other threads.
  void wait_for(int count) {
    std::unique_lock hold(desk.lock);
    desk.changed.wait(hold, [&] { return desk.inside >= count; });
  }
};

TEST_SUITE("resolve: the system's answers") {
  TEST_CASE("who asks for the same name shares one lookup, and one less is no matter") {
    run_on_kernel([] {
      held_desk at;
      std::vector<fiber<std::size_t>> askers;
      for (int i = 0; i < 10; ++i)
        askers.push_back(spin([] { return resolve("one.held", 80).size(); }));
      yield();
      at.wait_for(1);
      askers[0].stop();
      askers[5].stop();
      CHECK(askers[0].outcome().stopped());
      CHECK(askers[5].outcome().stopped());
      at.open();
      for (int i : {1, 2, 3, 4, 6, 7, 8, 9})
        CHECK(askers[static_cast<std::size_t>(i)].await() >= 1);
      CHECK(desk.calls == 1);
      // An answer is not kept.
      CHECK_FALSE(resolve("one.held").empty());
      CHECK(desk.calls == 2);
    });
  }

  TEST_CASE("I-18: a cancelled lookup returns at once, and frees what it has later") {
    std::optional<held_desk> at(std::in_place);
    run_on_kernel([&] {
      for (int i = 0; i < 3; ++i) {
        auto asker = spin([] { (void)resolve("never.held"); });
        yield();
        at->wait_for(1);
        asker.stop();
        CHECK(asker.outcome().stopped());
      }
      CHECK(desk.calls == 1);
    });
    // The run has ended, and the lookup has not.
    CHECK(desk.inside == 1);
    at.reset();
  }

  TEST_CASE("lookups have half of the threads, others wait without one") {
    motet::run({.signals = signal_policy::none, .blocking_threads = 4}, [] {
      held_desk at;
      with_scope([&](scope& all) {
        for (int i = 0; i < 6; ++i)
          all.spin([i] { (void)resolve(std::to_string(i) + ".held"); });
        yield();
        at.wait_for(2);
        // The other half is free for whoever wants it.
        CHECK(blocking([] { return 42; }) == 42);
        CHECK(stats().blocking.queued == 4);
        at.open();
      });
      CHECK(desk.calls == 6);
      CHECK(desk.most_inside == 2);
    });
  }

  TEST_CASE("what waits for a thread and is not wanted any more is never looked up") {
    motet::run({.signals = signal_policy::none, .blocking_threads = 2}, [] {
      held_desk at;
      auto first = spin([] { (void)resolve("first.held"); });
      yield();
      at.wait_for(1);
      auto second = spin([] { (void)resolve("second.held"); });
      yield();
      second.stop();
      CHECK(second.outcome().stopped());
      at.open();
      first.await();
      CHECK(desk.calls == 1);
    });
  }
}

}  // namespace
}  // namespace motet
