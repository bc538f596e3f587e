// SPDX-License-Identifier: MIT
// The TLS of the examples: a protocol's library on top of a stream.
#include "examples/tls/self_signed.hpp"
#include "examples/tls/tls_stream.hpp"
#include "test/support/network.hpp"
#include "test/support/trouble.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>
#include <motet/timeout.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

namespace motet {
namespace {

using examples::tls_context;
using examples::tls_error;
using examples::tls_stream;
using test::connect_pair;
using test::run_on_backend;
using test::text_of;
using test::trouble;

/// A certificate for localhost, made once, and who believes it.
struct believers {
  std::string file;
  std::optional<tls_context> server;
  std::optional<tls_context> client;

  believers() {
    char folder[] = "/tmp/motet_tls_XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    file = std::string(folder) + "/both.pem";
    examples::write_self_signed(file, "localhost");
    server.emplace(tls_context::server(file, file, {"chat", "echo"}));
    client.emplace(tls_context::client(file, {"echo"}));
    std::remove(file.c_str());
    ::rmdir(folder);
  }
};
const believers& both() {
  static const believers made;
  return made;
}

std::string read_text(tls_stream& from) {
  std::byte room[256];
  return text_of(from.read(room));
}

/// Runs both sides of a connection.
template <class Client, class Server>
void talk(Client client, Server server) {
  auto [near, far] = connect_pair();
  auto serving = spin([&server, over = std::move(far)]() mutable {
    tls_stream peer(std::move(over), *both().server);
    server(peer);
  });
  {
    tls_stream peer(std::move(near), *both().client, "localhost");
    client(peer);
  }
  serving.await();
}

/// What `f` complains of.
template <class F>
std::string tls_complaint_of(F f) {
  try {
    f();
  } catch (const tls_error& error) {
    return error.what();
  } catch (const std::system_error& error) {
    return error.code().message();
  }
  return "nothing";
}

TEST_SUITE("example: TLS") {
  TEST_CASE("both sides know whom they talk to, and in what") {
    run_on_backend([] {
      const std::string much(100'000, 'x');
      talk(
          [&](tls_stream& peer) {
            CHECK(peer.protocol() == "echo");
            peer.write("who is there?");
            CHECK(read_text(peer) == "localhost");
            auto writer = spin([&] { peer.write(much); });
            std::string back;
            while (back.size() < much.size())
              back += read_text(peer);
            CHECK(back == much);
            CHECK(peer.shut_down());
          },
          [](tls_stream& peer) {
            CHECK(peer.protocol() == "echo");
            CHECK(read_text(peer) == "who is there?");
            peer.write(peer.server_name());
            for (std::string text; !(text = read_text(peer)).empty();)
              peer.write(text);
          });
    });
  }

  TEST_CASE("who is not believed, or not meant, is refused, and told") {
    testing::run([] {
      for (const bool believed : {true, false}) {
        auto [near, far] = connect_pair();
        auto serving = spin([over = std::move(far)]() mutable {
          return tls_complaint_of([&] { tls_stream(std::move(over), *both().server); });
        });
        const tls_context believes_nobody = tls_context::client();
        const std::string why = tls_complaint_of([&, &near = near] {
          tls_stream(std::move(near), believed ? *both().client : believes_nobody,
                     believed ? "example.org" : "localhost");
        });
        CHECK(why == (believed ? "shake hands with example.org: hostname mismatch"
                               : "shake hands with localhost: self-signed certificate"));
        CHECK(serving.await().find("alert") != std::string::npos);
      }
    });
  }

  TEST_CASE("a handshake has a deadline") {
    testing::run([] {
      auto [near, far] = connect_pair();
      CHECK_THROWS_WITH_AS(tls_stream(std::move(far), *both().server, 3s),
                           "shake hands with a client: Connection timed out",
                           timeout_error);
      CHECK(clock::now() == time_point(3s));
    });
  }

  TEST_CASE("what is no TLS, or ends without a goodbye, is an error") {
    testing::run([] {
      auto [near, far] = connect_pair();
      near.write("GET / HTTP/1.0\r\n\r\n");
      CHECK(tls_complaint_of([&far = far] {
              tls_stream(std::move(far), *both().server);
            }) == "shake hands with a client: http request");
      talk([](tls_stream& peer) { peer.transport().close(); },
           [](tls_stream& peer) {
             CHECK(tls_complaint_of([&] { read_text(peer); }) ==
                   "read by TLS: the peer has hung up without a goodbye");
             CHECK(peer.broken());
           });
    });
  }

  TEST_CASE("a cancelled read loses nothing") {
    testing::run([] {
      talk(
          [](tls_stream& peer) {
            for (int i = 0; i < 10; ++i) {
              CHECK(move_on_after(1s, [&] { read_text(peer); }) == false);
              peer.write("go on");
              CHECK(read_text(peer) == "well");
            }
          },
          [](tls_stream& peer) {
            while (read_text(peer) == "go on")
              peer.write("well");
          });
    });
  }

  TEST_CASE("a write that is cut short breaks the stream") {
    testing::run([] {
      talk(
          [](tls_stream& peer) {
            const std::string much(300'000, 'x');
            std::size_t done = 0;
            CHECK(move_on_after(1s, [&] { peer.write(test::bytes_of(much), done); }) ==
                  false);
            CHECK((done > 0 && done < much.size() && done % 16'384 == 0));
            CHECK(peer.broken());
            CHECK(tls_complaint_of([&] { peer.write("more"); }) ==
                  "a TLS stream that was cut short cannot be gone on with");
            CHECK_FALSE(peer.shut_down());
          },
          [](tls_stream& peer) {
            sleep_until(time_point(2s));
            // The client has closed with something unread: the tickets of a handshake.
            CHECK(tls_complaint_of([&] {
                    for (;;)
                      read_text(peer);
                  }) == "Connection reset by peer");
          });
    });
  }

  TEST_CASE("I-16: the goodbye of a destructor takes half a second at most") {
    testing::run([] {
      enum class leaving { by_error, by_stop, in_peace_but_stopped };
      for (const auto how :
           {leaving::by_error, leaving::by_stop, leaving::in_peace_but_stopped}) {
        CAPTURE(static_cast<int>(how));
        time_point began;
        auto [near, far] = connect_pair();
        auto silent = spin([over = std::move(far)]() mutable {
          tls_stream peer(std::move(over), *both().server);
          suspend();
        });
        auto leaver = spin([&, over = std::move(near)]() mutable {
          tls_stream peer(std::move(over), *both().client, "localhost");
          // Until nothing more fits: the peer does not read.
          move_on_after(1s, [&] {
            for (;;)
              peer.transport().write("x");
          });
          began = clock::now();
          if (how == leaving::by_error) throw trouble();
          this_fiber::self().stop();
          if (how == leaving::by_stop) suspend();
        });
        const auto end = leaver.outcome();
        CHECK(clock::now() - began == 500ms);
        CHECK(end.failed() == (how == leaving::by_error));
        CHECK(end.stopped() == (how == leaving::by_stop));
        silent.stop();
        static_cast<void>(silent.outcome());
      }
    });
  }
}

}  // namespace
}  // namespace motet
