// SPDX-License-Identifier: MIT
// What only the simulated backend does: things that take time, and things that go wrong.
#include "backend/course.hpp"
#include "backend/sim/sim_backend.hpp"
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace motet::contract {
namespace {

/// A simulated backend, on some course.
struct simulation {
  explicit simulation(std::uint64_t seed = 0)
      : how(seed), made(new sim_backend(&how)), on(std::unique_ptr<backend>(made)) {}

  void set(const testing::faults& rates) {
    sim_conditions wanted = made->network().conditions();
    wanted.rates = rates;
    made->network().set_conditions(std::move(wanted));
  }
  void delay(duration least, duration most) {
    sim_conditions wanted = made->network().conditions();
    wanted.least_delay = least;
    wanted.most_delay = most;
    made->network().set_conditions(std::move(wanted));
  }
  [[nodiscard]] const testing::fault_counts& counts() const {
    return made->network().counts();
  }

  course how;
  sim_backend* made;
  host on;
};

/// Talks for a while, whatever goes wrong. @returns what was received, or what was told.
std::string talk(host& on) {
  std::string heard;
  for (int i = 0; i < 40; ++i) {
    const int door = on.listen();
    const sockaddr_storage where = on.name_of(door);
    const int near = on->answer(open_stream_call{AF_INET});
    const std::int32_t connected =
        on.perform(connect_request{near, as_sockaddr(where), sizeof(sockaddr_in)});
    const std::int32_t far = connected < 0 ? connected : on.perform(accept_request{door});
    heard += std::to_string(far < 0 ? far : 0);
    if (far >= 0) heard += std::to_string(on.send(near, "hello, world"));
    (void)on->answer(close_call{near});
    if (far >= 0) {
      heard += on.receive(far);
      (void)on->answer(close_call{far});
    }
    on.close(door);
  }
  return heard + std::to_string(on->now().time_since_epoch().count());
}

constexpr testing::faults everything{
    .short_transfers = 0.2, .delays = 0.2, .resets = 0.1, .refusals = 0.1, .errors = 0.2};

TEST_SUITE("contract: simulation") {
  TEST_CASE("a wait jumps to what arrives first, and says that something is under way") {
    simulation sim;
    const auto [near, far] = sim.on.connect();
    sim.delay(50ms, 50ms);
    CHECK_FALSE(sim.on->under_way());
    REQUIRE(sim.on.send(near, "hello") == 5);
    CHECK(sim.on->under_way());
    std::byte room[8];
    operation read{receive_request{far, room}};
    sim.on->submit(read);
    CHECK(sim.on.quiet());
    REQUIRE(sim.on.poll(time_point(1h)));
    CHECK(sim.on->now() == time_point(50ms));
    CHECK_FALSE(sim.on->under_way());
    sim.on.collect({&read});
    CHECK(read.result == 5);
  }

  TEST_CASE("a wait that ends before anything arrives brings nothing") {
    simulation sim;
    const auto [near, far] = sim.on.connect();
    sim.delay(50ms, 50ms);
    REQUIRE(sim.on.send(near, "hello") == 5);
    CHECK_FALSE(sim.on.poll(time_point(49ms)));
    CHECK(sim.on->now() == time_point(49ms));
    CHECK(sim.on.receive(far) == "hello");
    CHECK(sim.on->now() == time_point(50ms));
  }

  TEST_CASE("time does not jump while a wake is expected, and passes while it waits") {
    simulation sim;
    sim.on->expect_wakes(true);
    const auto real = std::chrono::steady_clock::now();
    CHECK_FALSE(sim.on.poll(time_point(1ms)));
    CHECK(sim.on->now() == time_point(1ms));
    CHECK(std::chrono::steady_clock::now() - real >= 1ms);
    {
      std::jthread waker([&] { sim.on->wake(); });
      CHECK_FALSE(sim.on.poll(time_point::max()));
    }
    CHECK(sim.on->now() < time_point(1h));
    sim.on->expect_wakes(false);
    CHECK_FALSE(sim.on.poll(time_point(2h)));
    CHECK(sim.on->now() == time_point(2h));
  }

  TEST_CASE("a wake before the wait is heard, and one is enough for several") {
    simulation sim;
    sim.on->expect_wakes(true);
    sim.on->wake();
    sim.on->wake();
    CHECK_FALSE(sim.on.poll(time_point::max()));
    CHECK(sim.on->now() == time_point(0ms));
    CHECK_FALSE(sim.on.poll(time_point(1ms)));
    CHECK(sim.on->now() == time_point(1ms));
  }

  TEST_CASE("what is on its way arrives while a wake is expected") {
    simulation sim;
    const auto [near, far] = sim.on.connect();
    sim.delay(2ms, 2ms);
    sim.on->expect_wakes(true);
    REQUIRE(sim.on.send(near, "hello") == 5);
    CHECK(sim.on.receive(far) == "hello");
    CHECK(sim.on->now() == time_point(2ms));
  }

  TEST_CASE("on the usual course nothing goes wrong by chance") {
    simulation quiet;
    simulation usual;
    usual.set(everything);
    CHECK(talk(usual.on) == talk(quiet.on));
    CHECK(usual.counts() == testing::fault_counts());
  }

  TEST_CASE("on others all that may go wrong does, the same for the same seed") {
    simulation one(7);
    one.set(everything);
    simulation two(7);
    two.set(everything);
    simulation other(8);
    other.set(everything);
    const std::string heard = talk(one.on);
    CHECK(heard == talk(two.on));
    CHECK(heard != talk(other.on));
    CHECK(one.how.fingerprint() == two.how.fingerprint());
    CHECK(one.counts() == two.counts());
    CHECK(one.counts().errors > 0);
    CHECK(one.counts().refusals > 0);
    CHECK(one.counts().resets > 0);
    CHECK(one.counts().short_transfers > 0);
    CHECK(one.counts().delays > 0);
  }

  TEST_CASE("nothing more goes wrong when the course has calmed down") {
    simulation sim(7);
    sim.set(everything);
    sim.how.calm_down();
    simulation quiet;
    CHECK(talk(sim.on) == talk(quiet.on));
    CHECK(sim.counts() == testing::fault_counts());
  }

  TEST_CASE("rates of nothing ask for no decision") {
    simulation sim(7);
    const auto [near, far] = sim.on.connect();
    REQUIRE(sim.on.send(near, "hello") == 5);
    CHECK(sim.on.receive(far) == "hello");
    CHECK(sim.how.record().empty());
  }

  TEST_CASE("delays that vary stay within their limits, and nothing overtakes") {
    simulation sim(7);
    const auto [near, far] = sim.on.connect();
    sim.delay(10ms, 80ms);
    for (int i = 0; i < 20; ++i)
      REQUIRE(sim.on.send(near, std::string(1, static_cast<char>('a' + i))) == 1);
    std::string heard;
    time_point first = time_point::max();
    while (heard.size() < 20) {
      heard += sim.on.receive(far);
      first = std::min(first, sim.on->now());
    }
    CHECK(heard == "abcdefghijklmnopqrst");
    CHECK(first >= time_point(10ms));
    CHECK(sim.on->now() > first);
    CHECK(sim.on->now() <= time_point(80ms));
  }
}

}  // namespace
}  // namespace motet::contract
