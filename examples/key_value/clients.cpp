// SPDX-License-Identifier: MIT

/// @file
/// Commands about connections, channels and the server itself.

#include "examples/key_value/commands.hpp"

#include <motet/time.hpp>

#include <array>
#include <string>

#include <unistd.h>

namespace key_value {

namespace {

void ping(call& c) {
  if (c.words.size() > 2)
    throw command_error("ERR wrong number of arguments for 'ping' command");
  if (c.client.subscribed()) {
    c.out.array(2);
    c.out.text("pong");
    c.out.text(c.words.size() > 1 ? c.words[1] : "");
  } else if (c.words.size() > 1) {
    c.out.text(c.words[1]);
  } else {
    c.out.status("PONG");
  }
}

void echo(call& c) {
  c.out.text(c.words[1]);
}

void quit(call& c) {
  c.out.status("OK");
  c.client.hang_up();
}

/// A browser that was talked into sending a request here: what follows in it must not be
/// taken for commands.
void hang_up(call& c) {
  c.client.hang_up();
}

void subscribe(call& c) {
  for (const std::string_view channel : c.words.subspan(1))
    c.client.subscribe(channel);
}

void unsubscribe(call& c) {
  if (c.words.size() == 1) return c.client.unsubscribe_all();
  for (const std::string_view channel : c.words.subspan(1))
    c.client.unsubscribe(channel);
}

void publish(call& c) {
  c.out.integer(
      static_cast<std::int64_t>(c.all.channels.publish(c.words[1], c.words[2])));
}

[[noreturn]] void throw_unknown_subcommand(call& c, std::string_view command) {
  throw command_error("ERR unknown subcommand '" +
                      std::string(c.words[1].substr(0, 128)) + "'. Try " +
                      std::string(command) + " HELP.");
}

void expect_words(const call& c, std::size_t count, std::string_view command) {
  if (c.words.size() != count) {
    throw command_error("ERR wrong number of arguments for '" + std::string(command) +
                        "' command");
  }
}

void client(call& c) {
  const std::string_view what = c.words[1];
  if (same(what, "id")) {
    expect_words(c, 2, "client|id");
    c.out.integer(c.client.id);
  } else if (same(what, "getname")) {
    expect_words(c, 2, "client|getname");
    if (c.client.name.empty()) return c.out.nothing();
    c.out.text(c.client.name);
  } else if (same(what, "setname")) {
    expect_words(c, 3, "client|setname");
    for (const char letter : c.words[2]) {
      if (letter < '!' || letter > '~')
        throw command_error(
            "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    c.client.name = c.words[2];
    c.out.status("OK");
  } else {
    throw_unknown_subcommand(c, "CLIENT");
  }
}

/// What redis-benchmark asks for.
void config(call& c) {
  if (!same(c.words[1], "get")) throw_unknown_subcommand(c, "CONFIG");
  constexpr std::array<std::array<std::string_view, 2>, 3> settings{
      {{"save", ""}, {"appendonly", "no"}, {"databases", "1"}}};
  std::string found;
  answers pairs(1000);
  std::size_t words = 0;
  for (const std::string_view name : c.words.subspan(2)) {
    for (const auto& [known, value] : settings) {
      if (!same(name, known)) continue;
      words += 2;
      pairs.text(known);
      pairs.text(value);
    }
  }
  c.out.array(words);
  c.out.append(pairs);
}

/// No descriptions of commands: clients do without.
void command_list(call& c) {
  c.out.array(0);
}

void info(call& c) {
  const server& all = c.all;
  const auto up =
      std::chrono::duration_cast<std::chrono::seconds>(motet::clock::now() - all.started);
  const auto line = [](std::string_view name, auto number) {
    return std::string(name) + ':' + std::to_string(number) + "\r\n";
  };
  std::string text = "# Server\r\nredis_mode:standalone\r\n";
  text += line("process_id", ::getpid()) + line("uptime_in_seconds", up.count());
  text += "\r\n# Clients\r\n" + line("connected_clients", all.clients) +
          line("blocked_clients", all.waiting.size());
  text += "\r\n# Stats\r\n" + line("total_connections_received", all.connections) +
          line("total_commands_processed", all.commands);
  text += "\r\n# Keyspace\r\n";
  if (all.data.size() > 0) {
    text += "db0:keys=" + std::to_string(all.data.size()) +
            ",expires=" + std::to_string(all.data.expiring()) + ",avg_ttl=0\r\n";
  }
  c.out.text(text);
}

constexpr command of_clients[] = {
    {"ping", -1, ping, true},
    {"echo", 2, echo},
    {"quit", -1, quit, true},
    {"subscribe", -2, subscribe, true},
    {"unsubscribe", -1, unsubscribe, true},
    {"publish", 3, publish},
    {"client", -2, client},
    {"config", -3, config},
    {"command", -1, command_list},
    {"info", -1, info},
    {"post", -1, hang_up, true},
    {"host:", -1, hang_up, true},
};

}  // namespace

std::span<const command> commands_for_clients() noexcept {
  return of_clients;
}

}  // namespace key_value
