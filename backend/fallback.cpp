// SPDX-License-Identifier: MIT
#include "backend/fallback.hpp"

#include <atomic>
#include <cstdio>

namespace motet {
namespace {

/// What the exception was made with: without the error's name, which comes at the end.
std::string attempt_in(const std::system_error& error) {
  const std::string all = error.what();
  return all.substr(0, all.rfind(": " + error.code().message()));
}

/// Whether there is no point in trying another one.
bool hopeless(const std::system_error& error) {
  return error.code() == std::errc::too_many_files_open ||
         error.code() == std::errc::too_many_files_open_in_system;
}

std::string advice_of(const candidate& refused, const std::system_error& error) {
  if (refused.advice == nullptr) return {};
  return std::string(": ") + refused.advice(error.code().value());
}

std::string explain(const candidate& refused, const std::system_error& error) {
  return attempt_in(error) + " failed: " + error.code().message() +
         advice_of(refused, error);
}

}  // namespace

std::unique_ptr<backend> make_exactly(const candidate& wanted,
                                      const std::string& demand) {
  try {
    return wanted.make();
  } catch (const std::system_error& error) {
    // The error's own name is added at the end.
    throw std::system_error(error.code(), demand + ", but " + attempt_in(error) +
                                              " failed" + advice_of(wanted, error));
  }
}

std::unique_ptr<backend> make_best(std::span<const candidate> candidates,
                                   const std::function<void(const std::string&)>& tell) {
  std::string refusals;
  std::error_code first;
  for (const candidate& next : candidates) {
    try {
      std::unique_ptr<backend> made = next.make();
      if (!refusals.empty())
        tell(std::string("motet: running on ") + next.title + ": " + refusals +
             "; MOTET_BACKEND=" + next.name + " silences this");
      return made;
    } catch (const std::system_error& error) {
      if (!first) first = error.code();
      if (!refusals.empty()) refusals += "; ";
      refusals += explain(next, error);
      if (hopeless(error)) break;
    }
  }
  throw std::system_error(first, "motet finds nothing to run on: " + refusals);
}

void tell_once(const std::string& line) noexcept {
  static std::atomic_flag told;
  if (told.test_and_set()) return;
  // In one piece: stderr has no buffer, and other threads write there, too.
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace motet
