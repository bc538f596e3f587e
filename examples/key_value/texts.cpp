// SPDX-License-Identifier: MIT

/// @file
/// Commands for texts, and for numbers, which are texts too.

#include "examples/key_value/commands.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace key_value {

namespace {

void get(call& c) {
  if (const std::string* const found = c.all.data.find_text(c.words[1])) {
    c.out.text(*found);
  } else {
    c.out.nothing();
  }
}

struct set_options {
  std::optional<instant> expires;
  bool only_new = false;
  bool only_old = false;
};

instant expiry_from(std::string_view word, std::int64_t milliseconds_each) {
  const std::int64_t span = integer_from(word);
  if (span <= 0) throw command_error("ERR invalid expire time in 'set' command");
  return after(span, milliseconds_each, "set");
}

set_options options_from(std::span<const std::string_view> words) {
  set_options found;
  // Numbers are read when the words are known to make sense, as Redis does.
  std::string_view expiry;
  std::int64_t milliseconds_each = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (same(word, "nx") && !found.only_old) {
      found.only_new = true;
    } else if (same(word, "xx") && !found.only_new) {
      found.only_old = true;
    } else if ((same(word, "ex") || same(word, "px")) && milliseconds_each == 0 &&
               i + 1 < words.size()) {
      milliseconds_each = same(word, "ex") ? 1000 : 1;
      expiry = words[++i];
    } else {
      throw_syntax_error();
    }
  }
  if (milliseconds_each != 0) found.expires = expiry_from(expiry, milliseconds_each);
  return found;
}

void set(call& c) {
  const set_options options = options_from(c.words.subspan(3));
  store& data = c.all.data;
  if (options.only_new || options.only_old) {
    const bool exists = data.find(c.words[1]) != nullptr;
    if (exists != options.only_old) return c.out.nothing();
  }
  store::entry& made = data.set(c.words[1], c.words[2]);
  if (options.expires) data.expire_at(made, *options.expires);
  c.out.status("OK");
}

void mget(call& c) {
  c.out.array(c.words.size() - 1);
  for (const std::string_view key : c.words.subspan(1)) {
    const auto* const found = c.all.data.find(key);
    const auto* const text =
        found == nullptr ? nullptr : std::get_if<std::string>(&found->second.content);
    if (text == nullptr) {
      c.out.nothing();
    } else {
      c.out.text(*text);
    }
  }
}

void mset(call& c) {
  if (c.words.size() % 2 == 0)
    throw command_error("ERR wrong number of arguments for 'mset' command");
  for (std::size_t i = 1; i < c.words.size(); i += 2)
    c.all.data.set(c.words[i], c.words[i + 1]);
  c.out.status("OK");
}

/// Keeps the time at which it expires.
void add(call& c, std::int64_t change) {
  std::string* const found = c.all.data.find_text(c.words[1]);
  std::int64_t sum = found == nullptr ? 0 : integer_from(*found);
  if (__builtin_add_overflow(sum, change, &sum))
    throw command_error("ERR increment or decrement would overflow");
  if (found == nullptr) {
    c.all.data.set(c.words[1], std::to_string(sum));
  } else {
    *found = std::to_string(sum);
  }
  c.out.integer(sum);
}

void incr(call& c) {
  add(c, 1);
}
void decr(call& c) {
  add(c, -1);
}
void incrby(call& c) {
  add(c, integer_from(c.words[2]));
}
void decrby(call& c) {
  const std::int64_t by = integer_from(c.words[2]);
  if (by == std::numeric_limits<std::int64_t>::min())
    throw command_error("ERR decrement would overflow");
  add(c, -by);
}

constexpr command of_texts[] = {
    {"get", 2, get},   {"set", -3, set},  {"mget", -2, mget},    {"mset", -3, mset},
    {"incr", 2, incr}, {"decr", 2, decr}, {"incrby", 3, incrby}, {"decrby", 3, decrby},
};

}  // namespace

std::span<const command> commands_for_texts() noexcept {
  return of_texts;
}

}  // namespace key_value
