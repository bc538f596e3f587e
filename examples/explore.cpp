// SPDX-License-Identifier: MIT

/// @file
/// A bug that shows once in a blue moon, found at will. A server keeps a list of who is
/// online. All is well as long as a guest who comes back is let in only after the server
/// has noticed that he had left; which is nearly always. `testing::explore` tries many of
/// the courses that the program can take, and says how to take the bad one again.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

namespace {

using namespace motet;

struct lobby {
  bool bug;  ///< To be found.
  std::map<std::string, fiber_ref> online = {};
};

/// A guest says his name, and is online until he hangs up.
void attend(tcp::stream& peer, lobby& guests) {
  for (const std::string& name : peer.lines()) {
    const fiber_ref self = this_fiber::self();
    guests.online[name] = self;
    const finally leave([&] {
      // He may have come back already; then the entry is not ours any more.
      if (guests.bug || guests.online[name] == self) guests.online.erase(name);
    });
    peer.write("welcome\n");
    std::array<std::byte, 64> ignored;
    while (!peer.read(ignored).empty()) {
    }
    return;
  }
}

tcp::stream enter(const std::string& name) {
  tcp::stream door = tcp::connect("127.0.0.1", 7003);
  door.write(name + "\n");
  for (const std::string& line : door.lines()) {
    if (line == "welcome") break;
  }
  return door;
}

/// Ann comes, goes, and comes back. She should be online then.
void one_evening(bool bug) {
  lobby guests{bug};
  tcp::listener server = tcp::listen("127.0.0.1", 7003);
  with_scope([&](scope& evening) {
    evening.spin_daemon({.name = "server"}, [&] {
      server.accept_loop([&](tcp::stream& peer) { attend(peer, guests); });
    });
    enter("ann").close();
    tcp::stream ann = enter("ann");
    sleep(1s);  // whatever is under way has happened by then
    if (!guests.online.contains("ann")) throw std::runtime_error("ann is not online");
  });
}

/// @returns whether no course was found on which it fails.
bool try_many_courses(int courses, bool bug) {
  try {
    const auto report = testing::explore({.seeds = static_cast<std::size_t>(courses)},
                                         [bug] { one_evening(bug); });
    std::printf("right on %zu courses, with %zu decisions in them\n", report.courses,
                report.decisions);
    return true;
  } catch (const testing::explore_error& error) {
    std::printf("%s\n", error.what());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) try {
  int bug = 1;
  int courses = 1000;
  examples::read_arguments(
      argc, argv, "Looks for the course on which a small server is wrong.",
      {{"bug", "N", "1 forgets who came back, 0 is right", 0, 1, bug},
       {"courses", "N", "how many to try", 1, 1'000'000, courses}});
  testing::run([&] { one_evening(bug != 0); });
  std::puts("right on the usual course");
  return try_many_courses(courses, bug != 0) ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& error) {
  return examples::explain(error);
}
