// SPDX-License-Identifier: MIT

/// @file
/// Two fibers take turns on one thread, and a third waits for what they return.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace motet;

using verse = std::vector<std::string>;

/// An ordinary function: that it runs in a fiber shows only where it lets others run.
std::size_t sing(const verse& words) {
  for (const std::string& word : words) {
    std::printf("%s: %s\n", this_fiber::name().c_str(), word.c_str());
    yield();
  }
  return words.size();
}

void perform() {
  auto soprano = spin({.name = "soprano"}, sing, verse{"Hello,", "fiber", "world!"});
  auto bass = spin({.name = "bass"}, sing, verse{"Who", "goes", "there?"});

  std::puts("both are spun, neither has run yet");
  const std::size_t sung = soprano.await() + bass.await();
  std::printf("%zu words\n", sung);

  // An error travels to whoever waits for the fiber.
  auto wrong = spin({.name = "tenor"}, [] { return verse{}.at(0).size(); });
  try {
    wrong.await();
  } catch (const std::out_of_range& error) {
    std::printf("the %s has no words\n", source_of(error).name().c_str());
  }
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Lets two fibers take turns.");
  run(perform);
} catch (const std::exception& error) {
  return examples::explain(error);
}
