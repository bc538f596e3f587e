// SPDX-License-Identifier: MIT

/// @file
/// What hot paths cost in instructions, for check.py: each row runs alone between two
/// requests to callgrind, which writes a file for it. On the simulated backend: no kernel
/// and no clock, so that the counts are the same each time.

#include <motet/motet.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include <valgrind/callgrind.h>

namespace {

using namespace motet;

constexpr int rounds = 1000;

/// Calls `body` until nothing is new to it, then counts `rounds` calls of it.
/// @param units how many things each call does.
template <class Body>
void count(const char* row, int units, Body&& body) {
  for (int i = 0; i < 100; ++i)
    body();
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < rounds; ++i)
    body();
  CALLGRIND_DUMP_STATS_AT(row);
  std::printf("%s: %d\n", row, rounds * units);
}

/// Keeps the compiler from removing or merging what comes before.
void keep() {
  asm volatile("" ::: "memory");
}

struct witness {
  ~witness() { keep(); }
};

void count_yield(const char* row, int fibers) {
  bool running = true;
  for (int i = 1; i < fibers; ++i) {
    spin([&running] {
      while (running)
        yield();
    });
  }
  count(row, fibers, [] { yield(); });
  running = false;
  yield();
}

void count_spin() {
  count("spin and await", 1, [] { spin([] {}).await(); });
  constexpr int batch = 100;
  std::vector<fiber<>> fibers;
  fibers.reserve(batch);
  count("spin and await, batches of 100", batch, [&] {
    fibers.clear();
    for (int i = 0; i < batch; ++i)
      fibers.push_back(spin([] {}));
    for (const auto& f : fibers)
      f.await();
  });
}

void count_messages() {
  const fiber_ref home = this_fiber::self();
  const auto peer = spin([home] {
    for (;;)
      home << receive<long>() + 1;
  });
  count("message there and back", 1, [&] {
    peer << 1L;
    if (receive<long>() != 2) std::terminate();
  });
  peer.interrupt();
}

void count_scopes() {
  count("timeout block", 1, [] { move_on_after(1min, [] { keep(); }); });
  move_on_after(1min, [](timeout& idle) {
    count("timeout reset", 1, [&] {
      idle.reset();
      keep();
    });
  });
  count("shield", 1, [] { shield([] { keep(); }); });
  count("scope", 1, [] { with_scope([](scope&) { keep(); }); });
  count("scope of one fiber", 1,
        [] { with_scope([](scope& inner) { inner.spin([] {}); }); });
}

void count_locks() {
  mutex m;
  count("mutex", 1, [&] {
    m.lock();
    keep();
    m.unlock();
  });
  semaphore slots(1);
  count("semaphore", 1, [&] {
    slots.acquire();
    keep();
    slots.release();
  });
  channel<long> there;
  channel<long> back;
  const auto peer = spin([&] {
    for (const long n : there)
      back.send(n + 1);
  });
  count("channel without room, there and back", 1, [&] {
    there.send(1);
    if (back.receive() != 2) std::terminate();
  });
  there.close();
  peer.await();
}

void count_stops() {
  count("sleep", 1, [] { sleep(1ms); });
  count("stop of a sleeper, one frame", 1, [] {
    const auto sleeper = spin([] {
      const witness here;
      sleep(1h);
    });
    yield();
    sleeper.interrupt();
  });
}

void count_streams() {
  auto door = tcp::listen("127.0.0.1", 7000);
  auto ours = tcp::connect("127.0.0.1", 7000);
  auto theirs = door.accept();
  std::array<std::byte, 64> buffer{};
  count("write and read of 64 bytes", 1, [&] {
    ours.write(buffer);
    (void)theirs.read(buffer);
  });
  const auto echo = spin([peer = std::move(theirs)]() mutable {
    peer.recv_loop([&](std::span<const std::byte> data) { peer.write(data); });
  });
  count("echo by recv_loop", 1, [&] {
    ours.write(buffer);
    (void)ours.read(buffer);
  });
  count("stop of a parked read, one frame", 1, [&] {
    const auto reader = spin([&] {
      const witness here;
      (void)ours.read(buffer);
    });
    yield();
    reader.interrupt();
  });
  echo.interrupt();
}

}  // namespace

int main() {
  run({.backend = backend_kind::sim, .signals = signal_policy::none}, [] {
    count_yield("yield, 2 fibers", 2);
    count_yield("yield, 100 fibers", 100);
    count_spin();
    count_messages();
    count_scopes();
    count_locks();
    count_stops();
    count_streams();
  });
}
