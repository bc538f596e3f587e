// SPDX-License-Identifier: MIT
// F12: many child processes, which end by themselves, are cancelled, killed or given up.
//
// It is looked at what each has inherited: its three standard streams and no more, though
// this process has careless descriptors, without close-on-exec. In the end there may be
// no child left, dead or alive, and no descriptor that was not there before.
//
// usage: f12_processes [--long]
#include "test/figures/figure.hpp"

#include <motet/motet.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace motet;

struct tally {
  std::size_t by_themselves = 0;
  std::size_t cancelled = 0;
  std::size_t killed = 0;
  std::size_t timed_out = 0;
  std::size_t wrong = 0;
  std::size_t inherited = 0;
  std::size_t zombies = 0;
  std::size_t left_open = 0;

  [[nodiscard]] std::size_t all() const {
    return by_themselves + cancelled + killed + timed_out;
  }
  [[nodiscard]] bool good() const {
    return wrong + inherited + zombies + left_open == 0 && cancelled != 0;
  }
};

std::size_t descriptors_of(const std::string& who) {
  using walk = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(walk("/proc/" + who + "/fd"), walk()));
}

/// A program that runs until it is ended, and has started: it has answered.
process start_endless(tally& all) {
  process_options cat{"cat"};
  cat.input = cat.output = redirect::piped;
  process started(cat);
  started.input().write("x");
  std::array<std::byte, 1> answer{};
  if (started.output().read(answer).empty()) ++all.wrong;
  const std::size_t seen = descriptors_of(std::to_string(started.pid()));
  all.inherited += seen - std::min<std::size_t>(seen, 3);
  return started;
}

void end_by_itself(tally& all) {
  // The fourth is how it looks.
  const process_result result = run_process({"ls", {"/proc/self/fd"}});
  const auto lines = std::count(result.output.begin(), result.output.end(), '\n');
  if (!result.status.success() || lines < 4) ++all.wrong;
  all.inherited += static_cast<std::size_t>(std::max<std::ptrdiff_t>(lines - 4, 0));
  ++all.by_themselves;
}

void be_cancelled(tally& all) {
  bool ready = false;
  auto waiting = spin([&] {
    process child = start_endless(all);
    ready = true;
    child.wait();
  });
  while (!ready)
    yield();
  waiting.stop();
  if (!waiting.outcome().stopped()) ++all.wrong;
  ++all.cancelled;
}

void be_killed(tally& all) {
  process child = start_endless(all);
  if (!child.signal(SIGKILL) || child.wait().signal() != SIGKILL) ++all.wrong;
  ++all.killed;
}

void time_out(tally& all) {
  process child = start_endless(all);
  if (move_on_after(2ms, [&] { child.wait(); })) ++all.wrong;
  if (child.terminate(1s).signal() != SIGTERM) ++all.wrong;
  ++all.timed_out;
}

void run_children(backend_kind backend, std::size_t count, tally& all) {
  const std::size_t before = descriptors_of("self");
  motet::run({.backend = backend, .signals = signal_policy::none}, [&] {
    std::vector<std::size_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i)
      numbers[i] = i;
    for_each_parallel(numbers, {.limit = 50}, [&](std::size_t i) {
      switch (i % 4) {
        case 0:
          return end_by_itself(all);
        case 1:
          return be_cancelled(all);
        case 2:
          return be_killed(all);
        default:
          return time_out(all);
      }
    });
  });
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0)
    ++all.zombies;
  all.left_open += descriptors_of("self") - before;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t count = test::asked_for_long(argc, argv) ? 10'000 : 1'000;
  const test::stopwatch watch;
  for (int i = 0; i < 10; ++i)  // without O_CLOEXEC
    if (::open("/dev/null", O_RDONLY) < 0) throw std::runtime_error("no descriptors");
  tally all;
  std::string backends;
  const auto working = test::kernel_backends();
  for (const auto& [kind, name] : working) {
    const test::watchdog dog(name, 300);
    run_children(kind, count / working.size(), all);
    backends += (backends.empty() ? "" : ", ") + std::string(name);
  }
  std::printf(
      "F12: %s child processes on %s (%s ended by themselves, %s were cancelled, %s "
      "killed, %s timed out): %zu zombies, %zu descriptors inherited, %zu left open, %zu "
      "wrong ends (%.1f s)\n",
      test::with_commas(all.all()).c_str(), backends.c_str(),
      test::with_commas(all.by_themselves).c_str(),
      test::with_commas(all.cancelled).c_str(), test::with_commas(all.killed).c_str(),
      test::with_commas(all.timed_out).c_str(), all.zombies, all.inherited, all.left_open,
      all.wrong, watch.seconds());
  return all.good() ? 0 : 1;
} catch (const std::exception& error) {
  std::printf("F12: %s\n", error.what());
  return 1;
}
