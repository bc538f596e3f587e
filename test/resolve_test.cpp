// SPDX-License-Identifier: MIT
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/resolve.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace motet {
namespace {

using test::complaint_of;
using test::read_some;
using test::run_on_backend;

time_point at(duration span) {
  return time_point(span);
}

/// A listener that answers nobody, as its backlog is full.
class deaf {
 public:
  explicit deaf(std::string_view address)
      : door_(tcp::listen(address, 80, {.backlog = 0})),
        caller_(tcp::connect(address, 80)) {}

 private:
  tcp::listener door_;
  tcp::stream caller_;
};

TEST_SUITE("resolve") {
  TEST_CASE("numeric addresses are their own, with a port or without") {
    run_on_backend([] {
      CHECK(resolve("127.0.0.1") == std::vector{endpoint::parse("127.0.0.1", 0)});
      CHECK(resolve("::1", 80) == std::vector{endpoint::parse("::1", 80)});
      const endpoint scoped = resolve("fe80::1%lo", 80).front();
      CHECK(to_string(scoped) == "[fe80::1%lo]:80");
      CHECK(scoped.with_port(81).address() == "fe80::1%lo");
      CHECK(scoped != endpoint::parse("fe80::1", 80));
      CHECK(endpoint::parse("::ffff:10.0.0.1", 80) == endpoint::parse("10.0.0.1", 80));
      CHECK_THROWS_AS((void)resolve("fe80::1%nowhere"), std::system_error);
    });
  }

  TEST_CASE("localhost is known everywhere, and nobody is nowhere") {
    run_on_backend([] {
      const auto found = resolve("localhost", 7);
      REQUIRE_FALSE(found.empty());
      CHECK(found.front().port() == 7);
      CHECK(complaint_of([] { (void)resolve(""); }).starts_with("look up \"\""));
      CHECK(complaint_of([] {
              (void)resolve("no.such.name.invalid");
            }).starts_with("look up no.such.name.invalid"));
    });
  }

  TEST_CASE("a test says which hosts there are, and how long it takes to ask") {
    testing::run([] {
      testing::network net;
      net.host("db", {"10.0.0.1", "2001:db8::1"}, 30ms);
      net.host("localhost", {});
      CHECK(resolve("db", 5432) == std::vector{endpoint::parse("10.0.0.1", 5432),
                                               endpoint::parse("2001:db8::1", 5432)});
      CHECK(clock::now() == at(30ms));
      CHECK_THROWS_AS((void)resolve("localhost"), std::system_error);
      CHECK_FALSE(move_on_after(10ms, [] { (void)resolve("db"); }));
      CHECK(clock::now() == at(40ms));
    });
  }
}

TEST_SUITE("tcp: happy eyeballs") {
  TEST_CASE("the next address has its turn after 250 ms, the first answer wins") {
    testing::run([] {
      testing::network net;
      net.host("www", {"2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2"});
      const deaf one("2001:db8::1");
      tcp::listener four = tcp::listen("10.0.0.1", 80);
      const auto before = testing::open_descriptors();
      {
        const tcp::stream near = tcp::connect("www", 80);
        CHECK(near.peer().address() == "10.0.0.1");
        CHECK(clock::now() == at(250ms));
        CHECK(testing::operations_in_flight() == 0);
        CHECK(testing::open_descriptors() == before + 1);
      }
    });
  }

  TEST_CASE("the first address still wins if it is the first to answer") {
    testing::run([] {
      testing::network net;
      net.host("www", {"2001:db8::1", "10.0.0.1"});
      tcp::listener six = tcp::listen("2001:db8::1", 80);
      const deaf four("10.0.0.1");
      net.delay(150ms);
      const tcp::stream near = tcp::connect("www", 80);
      CHECK(near.peer().address() == "2001:db8::1");
      CHECK(clock::now() == at(300ms));
    });
  }

  TEST_CASE("an address that refuses is not waited for") {
    testing::run([] {
      testing::network net;
      net.host("www", {"2001:db8::1", "10.0.0.1"});
      tcp::listener four = tcp::listen("10.0.0.1", 80);
      const tcp::stream near = tcp::connect("www", 80);
      CHECK(near.peer().address() == "10.0.0.1");
      CHECK(clock::now() == at(0ms));
    });
  }

  TEST_CASE("when all have failed the error names each") {
    testing::run([] {
      testing::network net;
      net.host("www", {"10.0.0.1", "10.0.0.2", "2001:db8::1"});
      net.fail(testing::call::connect, std::errc::network_unreachable, {.after = 1});
      CHECK(complaint_of([] { (void)tcp::connect("www", 80); }) ==
            "connect www:80: tried 10.0.0.1 (Connection refused), 2001:db8::1 (Network "
            "is unreachable), 10.0.0.2 (Connection refused): Connection refused");
    });
  }

  TEST_CASE("I-06: cancelled, or too late, nothing is left of any attempt") {
    testing::run([] {
      testing::network net;
      net.host("www", {"2001:db8::1", "10.0.0.1"});
      const deaf six("2001:db8::1");
      const deaf four("10.0.0.1");
      const auto before = testing::open_descriptors();
      CHECK_THROWS_AS((void)tcp::connect("www", 80, {.deadline = clock::now() + 1s}),
                      timeout_error);
      CHECK(clock::now() == at(1s));
      auto caller = spin([] { return tcp::connect("www", 80); });
      CHECK_FALSE(move_on_after(300ms, [&] { (void)caller.await(); }));
      caller.stop();
      CHECK(caller.outcome().stopped());
      CHECK(testing::operations_in_flight() == 0);
      CHECK(testing::open_descriptors() == before);
    });
  }
}

}  // namespace
}  // namespace motet
