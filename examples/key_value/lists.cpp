// SPDX-License-Identifier: MIT

/// @file
/// Commands for lists, and waiting for their elements.

#include "examples/key_value/commands.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace key_value {

namespace {

void push(call& c, list_end end) {
  const std::string key(c.words[1]);
  std::size_t size = 0;
  for (const std::string_view element : c.words.subspan(2))
    size = c.all.data.push(key, end, element);
  c.out.integer(static_cast<std::int64_t>(size));
  c.all.waiting.serve(key);
}

void lpush(call& c) {
  push(c, list_end::left);
}
void rpush(call& c) {
  push(c, list_end::right);
}

void pop_several(call& c, list_end end) {
  const auto most = to_integer(c.words[2]);
  if (!most || *most < 0)
    throw command_error("ERR value is out of range, must be positive");
  const list* const found = c.all.data.find_list(c.words[1]);
  if (found == nullptr) return c.out.no_array();
  const std::size_t size = std::min(found->size(), static_cast<std::size_t>(*most));
  c.out.array(size);
  for (std::size_t i = 0; i < size; ++i)
    c.out.text(*c.all.data.pop(c.words[1], end));
}

void pop(call& c, list_end end, std::string_view command) {
  if (c.words.size() > 3) {
    throw command_error("ERR wrong number of arguments for '" + std::string(command) +
                        "' command");
  }
  if (c.words.size() == 3) return pop_several(c, end);
  if (const auto element = c.all.data.pop(c.words[1], end)) {
    c.out.text(*element);
  } else {
    c.out.nothing();
  }
}

void lpop(call& c) {
  pop(c, list_end::left, "lpop");
}
void rpop(call& c) {
  pop(c, list_end::right, "rpop");
}

void llen(call& c) {
  const list* const found = c.all.data.find_list(c.words[1]);
  c.out.integer(found == nullptr ? 0 : static_cast<std::int64_t>(found->size()));
}

void lrange(call& c) {
  std::int64_t first = integer_from(c.words[2]);
  std::int64_t last = integer_from(c.words[3]);
  const list* const found = c.all.data.find_list(c.words[1]);
  const std::int64_t size =
      found == nullptr ? 0 : static_cast<std::int64_t>(found->size());
  // Counted from the end if negative.
  first = std::max<std::int64_t>(first < 0 ? first + size : first, 0);
  last = std::min(last < 0 ? last + size : last, size - 1);
  if (first > last) return c.out.array(0);
  c.out.array(static_cast<std::size_t>(last - first + 1));
  for (std::int64_t i = first; i <= last; ++i)
    c.out.text((*found)[static_cast<std::size_t>(i)]);
}

/// Zero means for ever.
waiting_time waiting_time_from(std::string_view word) {
  double seconds = 0;
  const char* const end = word.data() + word.size();
  const auto [last, error] = std::from_chars(word.data(), end, seconds);
  if (error != std::errc() || last != end || !std::isfinite(seconds))
    throw command_error("ERR timeout is not a float or out of range");
  if (seconds < 0) throw command_error("ERR timeout is negative");
  return waiting_time(seconds == 0 ? std::numeric_limits<double>::infinity() : seconds);
}

void pop_or_wait(call& c, list_end end) {
  const waiting_time patience = waiting_time_from(c.words.back());
  const auto keys = c.words.subspan(1, c.words.size() - 2);
  for (const std::string_view key : keys) {
    if (const auto element = c.all.data.pop(key, end)) {
      c.out.array(2);
      c.out.text(key);
      c.out.text(*element);
      return;
    }
  }
  c.client.pop_or_wait({keys.begin(), keys.end()}, end, patience);
}

void blpop(call& c) {
  pop_or_wait(c, list_end::left);
}
void brpop(call& c) {
  pop_or_wait(c, list_end::right);
}

constexpr command of_lists[] = {
    {"lpush", -3, lpush}, {"rpush", -3, rpush}, {"lpop", -2, lpop},
    {"rpop", -2, rpop},   {"llen", 2, llen},    {"lrange", 4, lrange},
    {"blpop", -3, blpop}, {"brpop", -3, brpop},
};

}  // namespace

std::span<const command> commands_for_lists() noexcept {
  return of_lists;
}

}  // namespace key_value
