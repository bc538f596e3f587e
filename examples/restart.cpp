// SPDX-License-Identifier: MIT

/// @file
/// Search as you type: each keystroke forgets the search under way and starts anew.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace motet;

struct query {
  fiber_ref from;
  std::string term;
};

struct results {
  std::string term;
  std::vector<std::string> found;
};

/// Slow, as if it asked a server. It need not know that it may be forgotten half-way.
results search(const std::string& term) {
  sleep(300ms);
  results all{term, {}};
  for (const char* word : {"canon", "madrigal", "mass", "motet", "motif", "round"}) {
    if (std::string_view(word).starts_with(term)) all.found.emplace_back(word);
  }
  return all;
}

void show(const results& all) {
  std::printf("\"%s\" finds", all.term.c_str());
  for (const std::string& word : all.found)
    std::printf(" %s", word.c_str());
  std::puts(all.found.empty() ? " nothing" : "");
}

struct keystroke {
  char key;
  duration pause;  ///< Until the next one.
};

void type_and_look() {
  // Kept when it has ended, so that the next keystroke can run it again.
  auto searcher = spin({.name = "searcher", .restartable = true}, [] {
    auto [from, term] = receive<query>();
    from << search(term);
  });

  std::string term;
  for (const auto& [key, pause] :
       {keystroke{'m', 20ms}, {'o', 20ms}, {'t', 1s}, {'e', 20ms}, {'t', 1s}}) {
    std::printf("type '%c'\n", key);
    term += key;
    searcher.restart();  // from here on its mailbox is the new run's
    searcher << query{this_fiber::self(), term};
    const auto all = move_on_after(pause, [] { return receive<results>(); });
    if (all) show(*all);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Searches while somebody types.");
  run(type_and_look);
} catch (const std::exception& error) {
  return examples::explain(error);
}
