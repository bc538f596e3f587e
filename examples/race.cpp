// SPDX-License-Identifier: MIT

/// @file
/// A page from the quickest of several mirrors, which run in this program, too.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace motet;

struct mirror {
  const char* name;
  duration takes;  ///< From the request to the answer; zero: hangs up without one.
  tcp::listener door = tcp::listen("127.0.0.1", 0);
};

/// Serves the page until it is stopped.
void serve(mirror& m) {
  m.door.accept_loop([&](tcp::stream& peer) {
    std::byte request[100];
    static_cast<void>(peer.read(request));
    if (m.takes == 0s) return;
    sleep(m.takes);
    peer.write("a page from the " + std::string(m.name));
  });
}

/// One way to the page. Says so when it is given up.
std::string fetch_from(const mirror& m) {
  const auto tell = [&] { std::printf("%s: given up\n", m.name); };
  return on_cancel(tell, [&] {
    std::printf("%s: asked\n", m.name);
    auto server = tcp::connect("127.0.0.1", m.door.local().port());
    server.write("the page, please");
    std::string page;
    server.recv_loop([&](std::span<const std::byte> data) {
      page.append(reinterpret_cast<const char*>(data.data()), data.size());
    });
    if (!page.empty()) return page;
    std::printf("%s: no answer\n", m.name);
    throw std::runtime_error("no answer");
  });
}

/// All are asked at the same time. The first answer counts; when it is returned, the
/// other connections are closed.
std::string fetch(std::vector<mirror>& mirrors) {
  std::vector<std::function<std::string()>> ways;
  ways.reserve(mirrors.size());
  for (const mirror& m : mirrors)
    ways.emplace_back([&m] { return fetch_from(m); });
  return race(ways);
}

void ask_mirrors(std::vector<mirror> mirrors) {
  with_scope([&](scope& s) {
    for (mirror& m : mirrors)
      s.spin_daemon({.name = m.name}, [&m] { serve(m); });
    try {
      const std::string page = fetch(mirrors);
      std::printf("%s\n", page.c_str());
    } catch (const std::exception& error) {
      std::printf("no page: %s\n", error.what());
    }
  });
}

/// How many files the process has open.
auto open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

mirror make(const char* name, duration takes) {
  return {name, takes};
}

void run_races() {
  const auto before = open_files();
  std::vector<mirror> mirrors;
  mirrors.push_back(make("north", 2s));
  mirrors.push_back(make("west", 0s));
  mirrors.push_back(make("south", 100ms));
  ask_mirrors(std::move(mirrors));
  std::vector<mirror> dead;
  dead.push_back(make("east", 0s));
  ask_mirrors(std::move(dead));
  std::printf("left: %zu fibers, %td connections\n", this_fiber::self().children().size(),
              open_files() - before);
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv,
                           "Fetches a page from the quickest of its mirrors.");
  run(run_races);
} catch (const std::exception& error) {
  return examples::explain(error);
}
