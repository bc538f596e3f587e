// SPDX-License-Identifier: MIT

// The scenarios in examples/. The programs are taken as they are: each in a namespace,
// where its `main` is a function like others.

#include "examples/arguments.hpp"
#include "test/scenarios/scenario.hpp"
#include "test/support/network.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

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

namespace motet::test {
namespace {

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
    heard += text_of(data);
  }
  return heard;
}

void echo_to_two() {
  serve_while([] { echo::serve(7000, 1min); },
              [] {
                tcp::stream quick = tcp::connect("127.0.0.1", 7000);
                tcp::stream silent = tcp::connect("127.0.0.1", 7000);
                quick.write("is there an echo?");
                hear(quick, "?");
                hear(silent, "until it is hung up on");
              });
}

void chat_in_pairs() {
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
}

auto part(bool rude) {
  return [rude] {
    try {
      shields::say_goodbye(rude);
    } catch (const std::system_error&) {  // the peer was stopped
    }
  };
}

/// Which fibers are stopped at a point.
enum class who : std::uint8_t { all, each };

template <class F>
scenario example(const char* name, std::size_t least, F f, who whom = who::each) {
  return {name, least, [f](held_things&) { f(); }, &may_come, whom == who::each, false};
}

}  // namespace

std::vector<scenario> examples() {
  return {
      example("echo_server", 16, &echo_to_two),
      example("chat_server", 31, &chat_in_pairs),
      example("hello", 6, &hello::perform),
      // Not each alone: a mirror that is stopped leaves its door open.
      example("race", 11, &races::run_races, who::all),
      example("restart", 11, &restart::type_and_look),
      example("scopes: fail together", 4, &scopes::fail_together),
      example("scopes: lose no error", 4, &scopes::lose_no_error),
      example("scopes: take notes", 4, &scopes::take_notes),
      example("scopes: sing until eight", 4, &scopes::sing_until_eight),
      example("scopes: stay longer", 4, &scopes::stay_longer),
      // Not each alone: nobody else would answer the peer.
      example("shield: say goodbye", 11, part(false), who::all),
      example("shield: say goodbye, to a rude peer", 11, part(true), who::all),
      example("shield: hold a room", 2, [] { shields::hold_a_room(5ms); }),
      example("shield: close", 2, [] { shields::close_the_kitchen(false); }),
      example("shield: close late", 2, [] { shields::close_the_kitchen(true); }),
      example("supervisor", 11, &supervisor::watch_over_all),
      example("timeouts: go on", 4, &timeouts::go_on),
      example("timeouts: give up", 2, &timeouts::give_up),
      example("timeouts: wait for silence", 4, &timeouts::wait_for_silence),
      example("timeouts: nest", 2, &timeouts::nest),
  };
}

}  // namespace motet::test
