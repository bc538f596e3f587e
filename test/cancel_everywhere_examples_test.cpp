// SPDX-License-Identifier: MIT

// Every scenario in examples/, stopped at each of its cancellation points. The programs
// are taken as they are: each in a namespace, where its `main` is a function like others.

#include "examples/arguments.hpp"
#include "test/support/network.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

// What the examples include must be known by now.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wreturn-type"  // a `main` need not return
namespace chat {
#include "examples/chat_server.cpp"
}
namespace echo {
#include "examples/echo_server.cpp"
}
namespace hello {
#include "examples/hello.cpp"
}
namespace races {
#include "examples/race.cpp"
}
namespace restart {
#include "examples/restart.cpp"
}
namespace scopes {
#include "examples/scopes.cpp"
}
namespace shields {
#include "examples/shield.cpp"
}
namespace supervisor {
#include "examples/supervisor.cpp"
}
namespace timeouts {
#include "examples/timeouts.cpp"
}

namespace motet {
namespace {

/// While it lives, nothing that is printed gets anywhere.
class silence {
 public:
  silence() {
    std::fflush(stdout);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;
  ~silence() {
    std::fflush(stdout);
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    ::close(out_);
    ::close(err_);
  }

 private:
  int out_ = ::dup(STDOUT_FILENO);
  int err_ = ::dup(STDERR_FILENO);
};

/// Errors that come of stopping half of something: connections break when the fiber at
/// their other end is stopped, and of two errors one may be missing.
bool may_come(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error&) {
    return true;
  } catch (const std::runtime_error& e) {
    const std::string_view what = e.what();
    return what == "the case is missing" || what == "the lights went out";
  } catch (...) {
    return false;
  }
}

/// Which fibers are stopped at a point.
enum class who : std::uint8_t { all, each };

/// Stops `f` at each point: all of it, and then each fiber alone. Fails the test if
/// something is wrong in a run.
template <class F>
testing::cancel_everywhere_report stop_everywhere(F&& f, who whom = who::each) {
  try {
    const silence quiet;
    return testing::cancel_everywhere(
        {.each_fiber = whom == who::each, .expected = may_come}, f);
  } catch (const testing::cancel_everywhere_error& error) {
    FAIL(std::string(error.what()));
    throw;
  }
}

/// A server in its own fiber, while `peers` talk to it.
template <class Server, class Peers>
void serve_while(Server server, Peers peers) {
  with_scope([&](scope& s) {
    s.spin_daemon({.name = "server"}, server);
    s.spin({.name = "peers"}, peers);
  });
}

/// What a peer hears until `text` is part of it.
std::string hear(tcp::stream& from, std::string_view text) {
  std::string heard;
  std::byte room[256];
  while (heard.find(text) == heard.npos) {
    const auto data = from.read(room);
    if (data.empty()) break;
    heard += test::text_of(data);
  }
  return heard;
}

TEST_SUITE("examples, cancelled everywhere") {
  TEST_CASE("echo_server") {
    const auto report = stop_everywhere([] {
      serve_while([] { echo::serve(7000, 1min); },
                  [] {
                    tcp::stream quick = tcp::connect("127.0.0.1", 7000);
                    tcp::stream silent = tcp::connect("127.0.0.1", 7000);
                    quick.write("is there an echo?");
                    hear(quick, "?");
                    hear(silent, "until it is hung up on");
                  });
    });
    CHECK(report.points > 15);
  }

  TEST_CASE("chat_server") {
    const auto report = stop_everywhere([] {
      serve_while([] { chat::serve(7001, 1min); },
                  [] {
                    tcp::stream ann = tcp::connect("127.0.0.1", 7001);
                    ann.write("ann\n");
                    hear(ann, "nobody else");
                    {
                      tcp::stream bob = tcp::connect("127.0.0.1", 7001);
                      bob.write("ann\nbob\nhello\n");
                      hear(ann, "bob: hello");
                    }
                    hear(ann, "bob has left");
                  });
    });
    CHECK(report.points > 30);
  }

  TEST_CASE("hello") {
    CHECK(stop_everywhere(hello::perform).points > 5);
  }

  TEST_CASE("race") {
    // Not each alone: a mirror that is stopped leaves its door open, and who asked waits.
    CHECK(stop_everywhere(races::run_races, who::all).points > 10);
  }

  TEST_CASE("restart") {
    CHECK(stop_everywhere(restart::type_and_look).points > 10);
  }

  TEST_CASE("scopes") {
    CHECK(stop_everywhere(scopes::fail_together).points > 3);
    CHECK(stop_everywhere(scopes::lose_no_error).points > 3);
    CHECK(stop_everywhere(scopes::take_notes).points > 3);
    CHECK(stop_everywhere(scopes::sing_until_eight).points > 3);
    CHECK(stop_everywhere(scopes::stay_longer).points > 3);
  }

  TEST_CASE("shield") {
    // Not each alone: nobody else would answer the peer.
    for (const bool rude : {false, true}) {
      const auto parting = [rude] {
        try {
          shields::say_goodbye(rude);
        } catch (const std::system_error&) {  // the peer was stopped
        }
      };
      CHECK(stop_everywhere(parting, who::all).points > 10);
    }
    CHECK(stop_everywhere([] { shields::hold_a_room(5ms); }).points > 1);
    CHECK(stop_everywhere([] { shields::close_the_kitchen(false); }).points > 1);
    CHECK(stop_everywhere([] { shields::close_the_kitchen(true); }).points > 1);
  }

  TEST_CASE("supervisor") {
    CHECK(stop_everywhere(supervisor::watch_over_all).points > 10);
  }

  TEST_CASE("timeouts") {
    CHECK(stop_everywhere(timeouts::go_on).points > 3);
    CHECK(stop_everywhere(timeouts::give_up).points > 1);
    CHECK(stop_everywhere(timeouts::wait_for_silence).points > 3);
    CHECK(stop_everywhere(timeouts::nest).points > 1);
  }
}

}  // namespace
}  // namespace motet
