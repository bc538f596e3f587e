// SPDX-License-Identifier: MIT

/// @file
/// Messages between fibers of two threads, through mailboxes or channels.

#include "two_threads.hpp"

#include <motet/motet.hpp>

#include <exception>
#include <string_view>

namespace {

using namespace motet;
using namespace bench;

constexpr long hundred = 100;

/// To the other thread and back, as `ask` does it; without the first few.
template <class Ask>
double round_trip(long rounds, Ask ask) {
  long n = 0;
  const auto once = [&] {
    expect(ask(n), n + 1);
    ++n;
  };
  wall_per_call(hundred, once);
  return wall_per_call(rounds, once);
}

template <class Next>
double one_way(long messages, Next next) {
  long n = 0;
  return wall_per_call(messages, [&] { expect(next(), n++); });
}

double messages_there_and_back(long rounds) {
  const auto peer = spin_thread([home = this_fiber::self()] {
    for (;;)
      home << receive<long>() + 1;
  });
  const double each = round_trip(rounds, [&](long n) {
    peer << n;
    return receive<long>();
  });
  peer.interrupt("measured");
  return each;
}

/// Mailboxes have no end: the sender is held up by nothing.
double messages_one_way(long messages) {
  const auto peer = spin_thread([=, home = this_fiber::self()] {
    (void)receive<bool>();
    for (long i = 0; i < messages; ++i)
      home << i;
  });
  peer << true;
  return one_way(messages, [] { return receive<long>(); });
}

double channel_there_and_back(long rounds) {
  channel<long> there(1);
  channel<long> back(1);
  const auto peer = spin_thread([&] {
    for (const long n : there)
      back.send(n + 1);
  });
  const double each = round_trip(rounds, [&](long n) {
    there.send(n);
    return back.receive();
  });
  there.close();
  peer.await();
  return each;
}

double channel_one_way(long messages) {
  channel<long> values(room);
  const auto peer = spin_thread([&] {
    (void)receive<bool>();
    for (long i = 0; i < messages; ++i)
      values.send(i);
  });
  peer << true;
  const double each = one_way(messages, [&] { return values.receive(); });
  peer.await();
  return each;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view mode = argc == 4 ? argv[1] : "";
  if (mode != "messages" && mode != "channel") {
    std::fprintf(stderr, "usage: %s messages|channel ROUNDS MESSAGES\n", argv[0]);
    return 1;
  }
  const amounts all = amounts_of(argv[2], argv[3]);
  run({.signals = signal_policy::none}, [&] {
    if (mode == "messages") {
      const double each = messages_there_and_back(all.rounds);
      print_result(each, messages_one_way(all.messages));
    } else {
      const double each = channel_there_and_back(all.rounds);
      print_result(each, channel_one_way(all.messages));
    }
  });
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
