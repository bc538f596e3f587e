// SPDX-License-Identifier: MIT

/// @file
/// A clock on any block: go on without its result, take another, or throw.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using namespace motet;

/// Whatever takes its time: any call that parks can be cut short.
std::string fetch(duration needed) {
  sleep(needed);
  return "a page";
}

struct slow_upstream : std::runtime_error {
  explicit slow_upstream(const std::string& host)
      : std::runtime_error(host + " is too slow") {}
};

void go_on() {
  const std::optional<std::string> quick = move_on_after(1s, [] { return fetch(10ms); });
  std::printf("in time: %s\n", quick.value_or("nothing").c_str());

  const std::optional<std::string> slow = move_on_after(50ms, [] { return fetch(1h); });
  std::printf("too late: %s\n", slow.value_or("nothing").c_str());

  const std::string other = move_on_after(50ms, "yesterday's", [] { return fetch(1h); });
  std::printf("another value instead: %s\n", other.c_str());
}

void give_up() {
  try {
    cancel_after(50ms, [] { return fetch(1h); });
  } catch (const timeout_error& error) {
    std::printf("timeout_error: %s\n", error.code().message().c_str());
  }
  try {
    cancel_after(50ms, with_exception<slow_upstream>("example.org"),
                 [] { return fetch(1h); });
  } catch (const slow_upstream& error) {
    std::printf("an error of your own: %s\n", error.what());
  }
}

/// Ends after 100 ms of silence, however long the words keep coming.
void wait_for_silence() {
  int heard = 0;
  move_on_after(100ms, [&](timeout& silence) {
    auto talker = spin([to = this_fiber::self()] {
      for (const char* word : {"let", "me", "finish"}) {
        sleep(10ms);
        to << word;
      }
    });
    for (;;) {
      (void)receive<std::string>();
      ++heard;
      silence.reset();
    }
  });
  std::printf("silent after %d words\n", heard);
}

/// The clock that runs out first is the one that counts, wherever it is.
void nest() {
  const bool outer_finished = move_on_after(50ms, [] {
    move_on_after(1h, [] { sleep(2h); });
    std::puts("never printed: the outer block is over");
  });
  std::printf("the outer block %s\n", outer_finished ? "finished" : "was cut short");
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Shows what timeouts do.");
  run([] {
    go_on();
    give_up();
    wait_for_silence();
    nest();
  });
} catch (const std::exception& error) {
  return examples::explain(error);
}
