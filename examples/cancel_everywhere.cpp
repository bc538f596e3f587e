// SPDX-License-Identifier: MIT

/// @file
/// Is a server right wherever it is stopped? Here a box office that sells tickets is
/// stopped at each of its cancellation points, one run per point, and then looked at:
/// whether it ended, what it left open, and whether the tickets add up.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace motet;

struct office {
  int bug;  ///< To be found; 0: none.
  int free = 10;
  int sold = 0;
};

/// Asks the bank, which takes a while.
void collect_money() {
  sleep(20ms);
}

void sell_a_ticket(office& tickets) {
  --tickets.free;  // so that nobody else gets it meanwhile
  bool paid = false;
  const finally give_back([&] {
    if (!paid && tickets.bug != 1) ++tickets.free;
  });
  collect_money();
  ++tickets.sold;
  paid = true;
}

void attend(tcp::stream& peer, office& tickets) try {
  for (const std::string& line : peer.lines()) {
    if (line == "buy") sell_a_ticket(tickets);
    peer.write("a ticket\n");
  }
} catch (const cancelled&) {
  if (tickets.bug == 2) shield([] { suspend(); });  // until a goodbye, which never comes
  throw;
}

/// The server, and two customers.
void open_for_a_day(office& tickets) {
  tcp::listener server = tcp::listen("127.0.0.1", 7002);
  with_scope([&](scope& day) {
    day.spin_daemon({.name = "office"}, [&] {
      server.accept_loop([&](tcp::stream& peer) { attend(peer, tickets); });
    });
    for (const char* name : {"ann", "bob"}) {
      day.spin({.name = name}, [] {
        tcp::stream door = tcp::connect("127.0.0.1", 7002);
        door.write("buy\n");
        for (const std::string& line : door.lines()) {
          if (line == "a ticket") break;
        }
      });
    }
  });
}

/// @returns whether the server is right.
bool stop_it_everywhere(int bug) {
  office tickets{bug};
  const auto count = [&] {  // after each run
    const int lost = 10 - tickets.free - tickets.sold;
    tickets = {bug};
    if (lost != 0) throw std::runtime_error(std::to_string(lost) + " tickets are lost");
  };
  try {
    const auto report = testing::cancel_everywhere({.afterwards = count},
                                                   [&] { open_for_a_day(tickets); });
    for (const std::string& site : report.sites)
      std::printf("%s\n", site.c_str());
    std::printf("stopped at %zu points, in %zu runs: nothing is wrong\n", report.points,
                report.runs);
    return true;
  } catch (const testing::cancel_everywhere_error& error) {
    std::printf("%s\n", error.what());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) try {
  int bug = 0;
  examples::read_arguments(
      argc, argv, "Stops a small server at each of its points, and looks what is wrong.",
      {{"bug", "N", "1 loses tickets, 2 cannot be stopped, 0 is right", 0, 2, bug}});
  return stop_it_everywhere(bug) ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& error) {
  return examples::explain(error);
}
