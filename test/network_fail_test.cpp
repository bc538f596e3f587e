// SPDX-License-Identifier: MIT
#include "test/support/broken_network.hpp"
#include "test/support/network.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/tcp.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

namespace motet {
namespace {

using test::at;
using test::call_server;
using test::code_of;
using test::echo_server;
using test::read_some;
using test::read_text;
using testing::call;

TEST_SUITE("testing::network: breaking") {
  TEST_CASE("a connect is refused though somebody listens") {
    testing::run([] {
      testing::network net;
      const echo_server server;
      net.refuse(7000);
      CHECK(code_of([] { call_server(); }) == std::errc::connection_refused);
      CHECK(net.counts().refusals == 1);
      net.mend(7000);
      CHECK(code_of([] { call_server(); }) == std::error_code());
    });
  }

  TEST_CASE("a reset wakes reader and writer at both ends") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.buffer(16);
      std::error_code reader;
      std::error_code writer;
      with_scope([&](scope& s) {
        s.spin([&] { reader = code_of([&] { read_some(c.near); }); });
        s.spin([&] {
          writer = code_of([&] { c.near.write(std::vector<std::byte>(100)); });
        });
        testing::settle();
        net.reset();
      });
      // Who asks first is told; the other finds that it cannot write, or reads the end.
      CHECK(reader == std::errc::connection_reset);
      CHECK(writer == std::errc::broken_pipe);
      CHECK(read_some(c.far).size() == 16);
      CHECK(code_of([&] { read_some(c.far); }) == std::errc::connection_reset);
      CHECK(net.counts().resets == 1);
    });
  }

  TEST_CASE("I-12: what somebody else has cancelled is an error like any other") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.fail(call::read, ECANCELED);
      CHECK(code_of([&] { read_some(c.near); }) == std::errc::operation_canceled);
      c.far.write("x");
      CHECK(read_some(c.near) == "x");
    });
  }

  TEST_CASE("a reset peer's fiber ends, and the server serves on") {
    testing::run([] {
      testing::network net;
      const echo_server server;
      tcp::stream near = call_server();
      near.write("hello");
      CHECK(read_text(near, 5) == "hello");
      net.reset(7000);
      CHECK(code_of([&] { read_some(near); }) == std::errc::connection_reset);
      tcp::stream again = call_server();
      again.write("again");
      CHECK(read_text(again, 5) == "again");
    });
  }
}

TEST_SUITE("testing::network: errors") {
  TEST_CASE("the next call of a kind fails, and the one after does not") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      c.near.write("hello");
      net.fail(call::read, std::errc::connection_reset);
      CHECK(code_of([&] { read_some(c.far); }) == std::errc::connection_reset);
      CHECK(read_some(c.far) == "hello");
      CHECK(net.counts().errors == 1);
    });
  }

  TEST_CASE("calls fail later, more often, for ever, or only on one socket") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      const auto failures = [&](int calls) {
        std::string seen;
        for (int i = 0; i < calls; ++i)
          seen += code_of([&] { c.near.write("x"); }) ? '!' : '.';
        return seen;
      };
      net.fail(call::write, EPIPE, {.after = 2, .times = 3});
      CHECK(failures(8) == "..!!!...");
      net.fail(call::write, EPIPE,
               {.times = testing::always, .on = c.far.native_handle()});
      CHECK(failures(3) == "...");
      net.fail(call::write, EPIPE, {.times = testing::always});
      CHECK(failures(3) == "!!!");
    });
  }

  TEST_CASE("at the descriptor limit accept_loop waits, and recovers") {
    testing::run([] {
      testing::network net;
      net.fail(call::accept, std::errc::too_many_files_open, {.times = 3});
      const echo_server server;
      tcp::stream near = call_server();
      near.write("hello");
      CHECK(read_text(near, 5) == "hello");
      CHECK(clock::now() == at(300ms));
      CHECK(net.counts().errors == 3);
    });
  }

  TEST_CASE("a connection that broke before it was taken is passed over") {
    testing::run([] {
      testing::network net;
      tcp::listener door = tcp::listen("127.0.0.1", 7000);
      tcp::stream near = call_server();
      net.fail(call::accept, std::errc::connection_aborted, {.times = 2});
      net.fail(call::accept, std::errc::connection_reset);
      CHECK(door.accept());
      CHECK(net.counts().errors == 3);
    });
  }

  TEST_CASE("a connection that breaks ends its handler, in silence, and nothing else") {
    int told = 0;
    const auto count = [&](const std::exception_ptr&) { ++told; };
    motet::run({.backend = backend_kind::sim,
                .signals = signal_policy::none,
                .on_unhandled = count},
               [] {
                 testing::network net;
                 const echo_server server;
                 for (const int error : {ECONNRESET, EPIPE, ETIMEDOUT, ENOTCONN,
                                         EHOSTUNREACH, ENETUNREACH, EHOSTDOWN}) {
                   net.fail(call::read, error);  // the server's
                   tcp::stream near = call_server();
                   testing::settle();
                   CHECK(test::read_to_end(near).empty());
                 }
                 CHECK(net.counts().errors == 7);
                 net.fail(call::read, ENOMEM);
                 tcp::stream near = call_server();
                 testing::settle();
               });
    CHECK(told == 1);
  }

  TEST_CASE("an error of a listener that has lost its address is that error") {
    testing::run([] {
      testing::network net;
      tcp::listener door = tcp::listen("127.0.0.1", 7000);
      net.fail(call::accept, std::errc::no_such_device, {.times = 2});
      net.fail(call::address, EBADF, {.times = 2});
      CHECK(test::complaint_of([&] { door.accept(); }) == "accept on: No such device");
      CHECK(test::complaint_of([&] { door.accept_loop(&test::echo); }) ==
            "accept on: No such device");
    });
  }

  TEST_CASE("an interrupted call goes on, unless that never ends") {
    testing::run([] {
      testing::network net;
      testing::connection c = net.pair();
      net.fail(call::write, EINTR);
      net.fail(call::read, EAGAIN, {.times = 2});
      c.near.write("hello");
      CHECK(read_some(c.far) == "hello");
      CHECK(net.counts().errors == 3);
      net.fail(call::write, EINTR, {.times = testing::always});
      CHECK(code_of([&] { c.near.write("x"); }) == std::errc::interrupted);
    });
  }

  TEST_CASE("every kind of call fails") {
    testing::run([] {
      testing::network net;
      tcp::listener door = tcp::listen("127.0.0.1", 7000);
      tcp::stream near = call_server();
      const auto fails = [&](call which, auto f) {
        net.fail(which, EBADF);
        return code_of(f) == std::errc::bad_file_descriptor;
      };
      std::byte room[8];
      CHECK(fails(call::accept, [&] { door.accept(); }));
      CHECK(fails(call::connect, [] { call_server(); }));
      CHECK(fails(call::read, [&] { near.read(room); }));
      CHECK(fails(call::write, [&] { near.write("x"); }));
      CHECK(fails(call::socket, [] { call_server(); }));
      CHECK(fails(call::listen, [] { (void)tcp::listen("127.0.0.1", 0); }));
      CHECK(fails(call::shutdown, [&] { near.shutdown_send(); }));
      CHECK(fails(call::address, [&] { (void)near.peer(); }));
      net.fail(call::close, EINTR);
      near.close();
      CHECK(testing::open_descriptors() == 1);  // the listener
      CHECK(net.counts().errors == 9);
    });
  }
}

TEST_SUITE("testing::network: as such") {
  TEST_CASE("rates mean nothing without a seed") {
    testing::run([] {
      testing::network net;
      net.chance({.short_transfers = 1, .delays = 1, .resets = 1, .errors = 1});
      const echo_server server;
      tcp::stream near = call_server();
      near.write("hello");
      CHECK(read_text(near, 5) == "hello");
      CHECK(net.counts() == testing::fault_counts());
    });
  }

  TEST_CASE("there is no such network outside of fibers") {
    CHECK_THROWS_AS(testing::network(), structure_error);
  }
}

}  // namespace
}  // namespace motet
