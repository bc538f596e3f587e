// SPDX-License-Identifier: MIT
#include "examples/key_value/pattern.hpp"

#include <algorithm>
#include <cstddef>

namespace key_value {

namespace {

using place = std::string_view::size_type;

/// @param at behind the '['; moved behind the ']'.
bool in_class(char c, std::string_view pattern, place& at) noexcept {
  const bool inverted = at < pattern.size() && pattern[at] == '^';
  if (inverted) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      found |= pattern[at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax(pattern[at], pattern[at + 2]);
      found |= low <= c && c <= high;
      at += 2;
    } else {
      found |= pattern[at] == c;
    }
    ++at;
  }
  at = std::min(at + 1, pattern.size());
  return found != inverted;
}

/// Whether one character matches what stands at `at`, which is moved behind that.
bool matches_one(char c, std::string_view pattern, place& at) noexcept {
  const char wanted = pattern[at++];
  if (wanted == '?') return true;
  if (wanted == '[') return in_class(c, pattern, at);
  if (wanted == '\\' && at < pattern.size()) return pattern[at++] == c;
  return wanted == c;
}

}  // namespace

bool matches(std::string_view text, std::string_view pattern) noexcept {
  place in_text = 0;
  place in_pattern = 0;
  place behind_star = pattern.npos;  // only the last star is ever tried again
  place star_ends = 0;
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      behind_star = ++in_pattern;
      star_ends = in_text;
    } else if (in_pattern < pattern.size() &&
               matches_one(text[in_text], pattern, in_pattern)) {
      ++in_text;
    } else if (behind_star != pattern.npos) {
      in_pattern = behind_star;
      in_text = ++star_ends;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == pattern.npos;
}

}  // namespace key_value
