// SPDX-License-Identifier: MIT

/// @file
/// A chat room: fibers that share nothing and send each other messages.
///
/// The room is a fiber. Each peer has two more: one reads its lines and tells the room,
/// one writes what the room has for it. The room waits for messages only, never for a
/// peer: whoever reads too slowly, breaks or falls silent holds up nobody else.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace {

using namespace motet;

// To the room; `who` is the fiber that reads from the peer.
struct join {
  fiber_ref who, writer;
  std::string name;
};
struct say {
  fiber_ref who;
  std::string text;
};
struct has_read {
  fiber_ref who;
  std::size_t lines;
};
struct leave {
  fiber_ref who;
  std::string why;
};

// From the room: to the one who wants to join, and to writers.
struct answer {
  bool welcome;
};
struct line {
  std::string text;
};

struct member {
  fiber_ref reader, writer;
  std::string name;
  std::size_t unread = 0;

  /// Never waits: the line lies in the writer's mailbox, and too many there are the end.
  void tell(const std::string& text) {
    if (unread == 1000) return;
    writer << line{text + '\n'};
    if (++unread == 1000) reader.raise("reads too slowly");
  }
};

[[noreturn]] void run_room() {
  std::map<std::uint64_t, member> members;
  const auto tell_all = [&](const std::string& text, std::uint64_t but = 0) {
    for (auto& [id, m] : members) {
      if (id != but) m.tell(text);
    }
  };
  receive_loop(
      [&](const join& j) {
        std::string others;
        for (const auto& [id, m] : members) {
          if (m.name == j.name) return void(j.who << answer{false});
          others += ' ' + m.name;
        }
        tell_all("* " + j.name + " is here");
        member& fresh = members[j.who.id()] = {j.who, j.writer, j.name};
        fresh.tell(others.empty() ? "* nobody else is here" : "* with you:" + others);
        j.who << answer{true};
      },
      [&](const say& s) {
        const auto speaker = members.find(s.who.id());
        if (speaker != members.end())
          tell_all(speaker->second.name + ": " + s.text, s.who.id());
      },
      [&](const has_read& r) {
        const auto reader = members.find(r.who.id());
        if (reader != members.end()) reader->second.unread -= r.lines;
      },
      [&](const leave& l) {
        const auto gone = members.extract(l.who.id());
        if (gone) tell_all("* " + gone.mapped().name + " has left (" + l.why + ")");
      });
}

/// The reader's child: what goes wrong here is thrown there.
[[noreturn]] void write_lines(tcp::stream& peer, const fiber_ref& reader,
                              const fiber_ref& room, duration patience) {
  for (;;) {
    std::string text = receive<line>().text;
    std::size_t lines = 1;
    for (const line& more : receive_all_pending<line>()) {
      text += more.text;
      ++lines;
    }
    cancel_after(patience, with_exception("does not read"), [&] { peer.write(text); });
    room << has_read{reader, lines};
  }
}

/// A peer's first good line is its name, the others are what it says.
void read_lines(tcp::stream& peer, const fiber_ref& room, const fiber_ref& writer,
                timeout& idle) {
  const fiber_ref self = this_fiber::self();
  bool joined = false;
  peer.write("* your name?\n");
  for (std::string& text : peer.lines(1000)) {
    idle.reset();
    // No escape sequences for other people's terminals.
    std::erase_if(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (joined) {
      room.send(say{self, std::move(text)});  // waits if the room is behind
    } else if (text.empty() || text.size() > 20 ||
               text.find_first_of(" :*") != text.npos) {
      peer.write("* 1 to 20 bytes without blank, ':' or '*', please\n");
    } else {
      room.send(join{self, writer, std::move(text)});
      joined = receive<answer>().welcome;
      if (!joined) peer.write("* that name is taken, another?\n");
    }
  }
}

void attend(tcp::stream& peer, const fiber_ref& room, duration patience) {
  struct farewell {  // sent however this fiber ends
    fiber_ref room;
    std::string why = "stopped";
    ~farewell() { room << leave{this_fiber::self(), why}; }
  } parting{room};
  try {
    const scoped_fiber writer(
        spin(write_lines, std::ref(peer), this_fiber::self(), room, patience));
    const bool hung_up = move_on_after(
        patience, [&](timeout& idle) { read_lines(peer, room, writer.get(), idle); });
    parting.why = hung_up ? "hung up" : "silent for too long";
  } catch (const std::system_error& error) {
    parting.why = error.code().message();
  } catch (const std::exception& error) {
    parting.why = error.what();
  }
}

void serve(std::uint16_t port, duration patience) {
  auto server = tcp::listen("127.0.0.1", port);
  std::fprintf(stderr, "backend: %s\n", backend_name());
  std::printf("listening on %s\n", to_string(server.local()).c_str());
  std::fflush(stdout);

  const auto room = spin({.name = "room", .mailbox = 1000}, run_room);
  server.accept_loop([&](tcp::stream& peer) { attend(peer, room, patience); });
}

}  // namespace

int main(int argc, char** argv) try {
  int port = 7001;
  int idle = 60;
  examples::read_arguments(
      argc, argv,
      "A chat room: connect, say who you are, talk. SIGINT and SIGTERM end it.",
      {{"port", "N", "where to listen on 127.0.0.1; 0 picks one", 0, 65535, port},
       {"idle", "SECONDS", "hang up on peers silent for so long", 1, 86400, idle}});
  run([&] { serve(static_cast<std::uint16_t>(port), std::chrono::seconds(idle)); });
} catch (const std::exception& error) {
  return examples::explain(error);
}
