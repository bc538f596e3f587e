// SPDX-License-Identifier: MIT

/// @file
/// Commands for keys, whatever their values are.

#include "examples/key_value/commands.hpp"
#include "examples/key_value/pattern.hpp"

#include <algorithm>
#include <variant>
#include <vector>

namespace key_value {

namespace {

void del(call& c) {
  std::int64_t removed = 0;
  for (const std::string_view key : c.words.subspan(1))
    removed += c.all.data.remove(key) ? 1 : 0;
  c.out.integer(removed);
}

void exists(call& c) {
  std::int64_t found = 0;
  for (const std::string_view key : c.words.subspan(1))
    found += c.all.data.find(key) != nullptr ? 1 : 0;
  c.out.integer(found);
}

void type(call& c) {
  const auto* const found = c.all.data.find(c.words[1]);
  if (found == nullptr) return c.out.status("none");
  const bool is_text = std::holds_alternative<std::string>(found->second.content);
  c.out.status(is_text ? "string" : "list");
}

void expire(call& c, std::int64_t milliseconds_each, std::string_view command) {
  const instant when = after(integer_from(c.words[2]), milliseconds_each, command);
  if (c.words.size() > 3) {
    throw command_error("ERR Unsupported option " + std::string(c.words[3]));
  }
  store::entry* const found = c.all.data.find(c.words[1]);
  if (found == nullptr) return c.out.integer(0);
  if (when <= now()) {
    c.all.data.remove(c.words[1]);
  } else {
    c.all.data.expire_at(*found, when);
  }
  c.out.integer(1);
}

void expire(call& c) {
  expire(c, 1000, "expire");
}
void pexpire(call& c) {
  expire(c, 1, "pexpire");
}

void persist(call& c) {
  store::entry* const found = c.all.data.find(c.words[1]);
  const bool expires = found != nullptr && found->second.expires != never;
  if (expires) c.all.data.expire_at(*found, never);
  c.out.integer(expires ? 1 : 0);
}

void time_to_live(call& c, std::int64_t milliseconds_each) {
  const store::entry* const found = c.all.data.find(c.words[1]);
  if (found == nullptr) return c.out.integer(-2);
  if (found->second.expires == never) return c.out.integer(-1);
  const auto left = std::max<std::int64_t>((found->second.expires - now()).count(), 0);
  c.out.integer((left + milliseconds_each / 2) / milliseconds_each);
}

void ttl(call& c) {
  time_to_live(c, 1000);
}
void pttl(call& c) {
  time_to_live(c, 1);
}

void keys(call& c) {
  const instant time = now();
  std::vector<std::string_view> found;
  for (const auto& [key, value] : c.all.data.entries()) {
    if (value.expires > time && matches(key, c.words[1])) found.push_back(key);
  }
  c.out.array(found.size());
  for (const std::string_view key : found)
    c.out.text(key);
}

void dbsize(call& c) {
  c.out.integer(static_cast<std::int64_t>(c.all.data.size()));
}

void flushall(call& c) {
  const bool plain = c.words.size() == 1;
  if (c.words.size() > 2 ||
      (!plain && !same(c.words[1], "async") && !same(c.words[1], "sync")))
    throw_syntax_error();
  c.all.data.clear();
  c.out.status("OK");
}

constexpr command of_keys[] = {
    {"del", -2, del},          {"unlink", -2, del},    {"exists", -2, exists},
    {"type", 2, type},         {"expire", -3, expire}, {"pexpire", -3, pexpire},
    {"persist", 2, persist},   {"ttl", 2, ttl},        {"pttl", 2, pttl},
    {"keys", 2, keys},         {"dbsize", 1, dbsize},  {"flushall", -1, flushall},
    {"flushdb", -1, flushall},
};

}  // namespace

std::span<const command> commands_for_keys() noexcept {
  return of_keys;
}

}  // namespace key_value
