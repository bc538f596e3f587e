// SPDX-License-Identifier: MIT

/// @file
/// A tree of supervisors: what crashes is run again, and the rest does not notice.
///
///     main      restarts what fails, after 200 ms
///     ├ feed    loses its connection twice
///     ├ pool    restarts its parser, but only once: then it fails itself
///     │ └ parser
///     └ api     goes on all the while

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace {

using namespace motet;

void tell_failure(const fiber_ref& who, const ending& how) {
  std::printf("%s failed: %s\n", who.name().c_str(), describe(how.error()).c_str());
}

void tell_end(const fiber_ref& who, const ending&) {
  std::printf("%s is done\n", who.name().c_str());
}

/// What a callable captures by value is kept from run to run.
auto feed = [connections = 0]() mutable {
  std::printf("feed: connection %d\n", ++connections);
  sleep(150ms);
  if (connections < 3) throw std::runtime_error("connection lost");
};

/// Starts with a file that no restart of the parser can help; its own can.
auto pool = [file = 0]() mutable {
  std::printf("pool: opens file %d\n", ++file);
  spin({.name = "parser"}, [bad = file == 1] {
    std::puts("parser: reads");
    if (bad) {
      sleep(20ms);
      throw std::runtime_error("bad line");
    }
    sleep(360ms);
  });
  supervise({.restart = restart_policy::on_error,
             .intensity = 1,
             .on_done = tell_end,
             .on_error = tell_failure});
};

auto api = [] {
  std::puts("api: serves");
  sleep(1s);
};

void watch_over_all() {
  spin({.name = "feed"}, feed);
  spin({.name = "pool"}, pool);
  spin({.name = "api"}, api);
  supervise({.restart = restart_policy::on_error,
             .backoff = 200ms,
             .on_done = tell_end,
             .on_error = tell_failure});
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Runs a tree of supervisors.");
  run(watch_over_all);
} catch (const std::exception& error) {
  return examples::explain(error);
}
