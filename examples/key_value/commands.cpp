// SPDX-License-Identifier: MIT
#include "examples/key_value/commands.hpp"

#include "examples/key_value/hash.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <unordered_map>

namespace key_value {

namespace {

struct hash {
  std::size_t operator()(std::string_view name) const noexcept { return hash_of(name); }
};
using command_table = std::unordered_map<std::string_view, command, hash>;

command_table all_commands() {
  command_table table;
  for (const auto group : {commands_for_keys(), commands_for_texts(),
                           commands_for_lists(), commands_for_clients()}) {
    for (const command& c : group)
      table.emplace(c.name, c);
  }
  return table;
}

char small(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

const command* find(std::string_view name) {
  static const command_table table = all_commands();
  char letters[16];
  if (name.size() > sizeof letters) return nullptr;
  std::transform(name.begin(), name.end(), letters, small);
  const auto found = table.find({letters, name.size()});
  return found == table.end() ? nullptr : &found->second;
}

[[noreturn]] void throw_unknown(std::span<const std::string_view> words) {
  constexpr std::size_t most = 128;
  std::string arguments;
  for (const std::string_view word : words.subspan(1)) {
    if (arguments.size() >= most) break;
    arguments += '\'';
    arguments += word.substr(0, most - arguments.size() + 1);
    arguments += "' ";
  }
  throw command_error("ERR unknown command '" + std::string(words[0].substr(0, most)) +
                      "', with args beginning with: " + arguments);
}

void run(call& c) {
  const command* const found = find(c.words[0]);
  if (found == nullptr) throw_unknown(c.words);
  const std::string name(found->name);
  const auto words = static_cast<int>(c.words.size());
  if (found->words < 0 ? words < -found->words : words != found->words) {
    throw command_error("ERR wrong number of arguments for '" + name + "' command");
  }
  if (c.client.subscribed() && !found->for_subscribers) {
    throw command_error("ERR Can't execute '" + name +
                        "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                        "are allowed in this context");
  }
  found->run(c);
}

}  // namespace

void answer(call& c) {
  ++c.all.commands;
  const std::size_t before = c.out.bytes().size();
  try {
    run(c);
  } catch (const command_error& error) {
    c.out.error(error.what());
  } catch (const std::length_error& error) {  // MGET of something large, many times
    c.out.take_back(before);
    c.out.error(std::string("ERR ") + error.what());
  }
}

std::int64_t integer_from(std::string_view word) {
  const auto number = to_integer(word);
  if (!number) throw command_error("ERR value is not an integer or out of range");
  return *number;
}

bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return small(x) == small(y); });
}

instant after(std::int64_t span, std::int64_t milliseconds_each,
              std::string_view command) {
  const instant start = now();
  const auto most = (never - start).count() - 1;
  if (span > most / milliseconds_each || span < -most / milliseconds_each) {
    throw command_error("ERR invalid expire time in '" + std::string(command) +
                        "' command");
  }
  return start + std::chrono::milliseconds(span * milliseconds_each);
}

void throw_syntax_error() {
  throw command_error("ERR syntax error");
}

}  // namespace key_value
