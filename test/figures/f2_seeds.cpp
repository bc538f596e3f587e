// SPDX-License-Identifier: MIT

// F2: programs of fibers that stop, restart, raise, time out and talk at random moments,
// on many courses, each twice. Nothing may be lost, on any of them.
//
// usage: f2_seeds [--long]

#include "test/figures/figure.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <array>
#include <cstdio>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace motet;
using testing::choose;

void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

duration any_time() {
  return 1ms * static_cast<int>(choose(8));
}

/// Whether two of these do not overlap, and all are left.
struct balance {
  int inside = 0;
  int runs = 0;
};

class visit {
 public:
  explicit visit(balance& of) : of_(of) {
    ++of_.inside;
    ++of_.runs;
  }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() {
    shield([] { sleep(any_time()); });
    --of_.inside;
  }

 private:
  balance& of_;
};

/// Letters from three, to one whose waits are cut short by deadlines and exceptions.
void letters() {
  constexpr int each = 8;
  std::array<int, 3> next{};
  // Once started, so that no exception is raised into what has not begun.
  const auto reader = spin({.name = "reader", .start = start_policy::always}, [&] {
    for (int read = 0; read < 3 * each;) {
      try {
        move_on_after(any_time(), [&] {
          for (;;) {
            const int letter = receive<int>();
            int& wanted = next[static_cast<std::size_t>(letter / 1000)];
            expect(letter % 1000 == wanted, "a letter is lost, doubled or too early");
            ++wanted;
            ++read;
          }
        });
      } catch (const std::runtime_error&) {
      }
    }
  });
  with_scope([&](scope& s) {
    for (int writer = 0; writer < 3; ++writer) {
      s.spin([&, writer] {
        for (int i = 0; i < each; ++i) {
          reader << writer * 1000 + i;
          if (choose(3) == 0) sleep(any_time());
          if (choose(6) == 0) reader.raise("look up");
        }
      });
    }
  });
  reader.await();
}

/// A server that echoes, and a client whose reads are cut short at any moment: every byte
/// comes back, once.
void echo() {
  tcp::listener server = tcp::listen("127.0.0.1", 7000);
  with_scope([&](scope& s) {
    s.spin_daemon({.name = "server"}, [&] {
      server.accept_loop({.grace = 10ms}, [](tcp::stream& peer) {
        peer.recv_loop([&](std::span<const std::byte> data) {
          if (choose(4) == 0) sleep(any_time());
          peer.write(data);
        });
      });
    });
    for (int i = 0; i < 2; ++i) {
      s.spin({.name = "client"}, [] {
        tcp::stream line = tcp::connect("127.0.0.1", 7000);
        const std::string said =
            "ut queant laxis resonare fibris " + std::to_string(choose(100));
        const auto speaker = spin([&] {
          for (const char c : said) {
            line.write(std::string(1, c));
            if (choose(8) == 0) sleep(any_time());
          }
          line.shutdown_send();
        });
        std::string heard;
        while (heard.size() < said.size()) {
          std::array<std::byte, 16> room;
          move_on_after(any_time(), [&] {
            const auto data = line.read(std::span(room).first(1 + choose(room.size())));
            heard.append(reinterpret_cast<const char*>(data.data()), data.size());
          });
        }
        speaker.await();
        expect(heard == said, "the echo is not what was said");
      });
    }
  });
}

/// The same on a network that breaks all the time, for a while: what comes back is what
/// was said, as far as it comes, and who tries again gets through in the end.
void echo_on_a_bad_network() {
  testing::network net;
  net.chance({.short_transfers = 0.3,
              .delays = 0.2,
              .longest_delay = 20ms,
              .resets = 0.02,
              .refusals = 0.05,
              .errors = 0.02});
  tcp::listener server = tcp::listen("127.0.0.1", 7000);
  const std::string said = "mira gestorum famuli tuorum";
  const auto try_once = [&] {
    tcp::stream line = tcp::connect("127.0.0.1", 7000);
    line.write(said);
    line.shutdown_send();
    std::string heard;
    line.recv_loop([&](std::span<const std::byte> data) {
      heard.append(reinterpret_cast<const char*>(data.data()), data.size());
    });
    expect(said.starts_with(heard), "the echo is not what was said");
    return heard == said;
  };
  with_scope([&](scope& s) {
    s.spin_daemon({.name = "server"}, [&] {
      server.accept_loop({.on_error = [](const std::exception_ptr&) {}},
                         [](tcp::stream& peer) {
                           peer.recv_loop([&](auto data) { peer.write(data); });
                         });
    });
    for (int i = 0; i < 3; ++i) {
      s.spin({.name = "client"}, [&] {
        for (bool through = false; !through;) {
          try {
            through = move_on_after(1s, false, try_once);
          } catch (const std::system_error&) {
            sleep(any_time());
          }
        }
      });
    }
    sleep(100ms);
    testing::calm_down();
  });
}

/// Whatever is asked of a fiber, in whatever order: it ends once, with one outcome, and
/// leaves what it entered.
void verbs() {
  balance count;
  const auto life = [&] {
    const visit here(count);
    for (int i = 0; i < 4; ++i) {
      try {
        if (choose(4) == 0) {
          shield([] { sleep(any_time()); });
        } else if (choose(3) == 0) {
          const auto child = spin([&] {
            const visit there(count);
            sleep(any_time());
          });
          child.await();
        } else {
          move_on_after(any_time(), [] { (void)receive<int>(); });
        }
      } catch (const std::runtime_error&) {
      }
    }
    return 1;
  };
  std::vector<fiber<int>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spin(life));
    all.back().monitor();  // its errors are asked for below, and not to come here
  }
  for (std::size_t i = choose(6); i != 0; --i) {
    const auto& target = all[choose(all.size())];
    switch (choose(8)) {
      case 0:
        target.stop();
        break;
      case 1:
        target.cancel("enough");
        break;
      case 2:
        target.restart();
        break;
      case 3:
        target.move_on(7);
        break;
      case 4:
        target.raise("listen");
        break;
      case 5:
        target.terminate(any_time());
        break;
      case 6:
        move_on_after(any_time(), [&] { target.interrupt("now"); });
        break;
      default:
        target << 5;
    }
    sleep(any_time());
  }
  for (const auto& each : all) {
    const outcome<int> how = each.outcome();
    const int ends = int{how.failed()} + int{how.stopped()} + int{how.has_value()};
    expect(ends == 1, "not one outcome, but none or several");
    if (how.has_value()) expect(how.value() == 1 || how.value() == 7, "a strange value");
  }
  expect(count.inside == 0, "something was entered and not left");
}

/// Combinators whose parts fail, win, and are cut short, under a deadline or a stop.
void combinators() {
  balance count;
  // One that loses a race and fails then is told of, which would be a failure here.
  const auto sure = [&] {
    const visit here(count);
    sleep(any_time());
    return 1;
  };
  const auto part = [&] {
    const visit here(count);
    sleep(any_time());
    if (choose(4) == 0) throw std::runtime_error("a part failed");
    return 1;
  };
  const auto whole = spin([&] {
    for (int i = 0; i < 3; ++i) {
      try {
        move_on_after(any_time() + 2ms, [&] {
          switch (choose(3)) {
            case 0:
              when_all(part, part);
              break;
            case 1:
              race(sure, sure, sure);
              break;
            default:
              for_each_parallel(std::array{1, 2, 3, 4}, {.limit = 2},
                                [&](int) { return part(); });
          }
        });
      } catch (const std::runtime_error&) {
      } catch (const exception_group&) {
      }
    }
  });
  if (choose(3) == 0) {
    sleep(any_time());
    whole.stop();
  }
  (void)whole.wait();
  expect(count.inside == 0, "a part was entered and not left");
}

/// Workers that crash, under supervision, until each has done its work.
void supervision_of_crashes() {
  balance count;
  std::set<int> done;
  const auto chief = spin([&] {
    std::vector<fiber<void>> workers;
    for (int i = 0; i < 3; ++i) {
      workers.push_back(spin([&, i] {
        const visit here(count);
        sleep(any_time());
        if (choose(3) != 0) throw std::runtime_error("crash");
        done.insert(i);
      }));
    }
    supervise(workers, {.restart = restart_policy::on_error,
                        .intensity = 1'000,
                        .backoff = 1ms,
                        .strategy = static_cast<restart_strategy>(choose(2))});
  });
  const bool stopped = choose(4) == 0;
  if (stopped) {
    sleep(any_time());
    chief.stop();
  }
  const ending how = chief.wait();
  expect(stopped || !how.failed(), "supervision gave up");
  expect(count.inside == 0, "a worker was entered and not left");
  expect(stopped || done.size() == 3, "a worker's work was never done");
}

struct scenario {
  const char* name;
  void (*run)();
};
constexpr scenario scenarios[] = {{"letters", &letters},
                                  {"echo", &echo},
                                  {"echo on a bad network", &echo_on_a_bad_network},
                                  {"verbs", &verbs},
                                  {"combinators", &combinators},
                                  {"supervision", &supervision_of_crashes}};

int explore_all(std::size_t seeds) {
  const test::stopwatch watch;
  std::size_t courses = 0;
  std::size_t decisions = 0;
  std::size_t failures = 0;
  std::uint64_t fingerprint = 0;
  for (const scenario& each : scenarios) {
    try {
      const auto report =
          testing::explore({.seeds = seeds / std::size(scenarios) + 1}, each.run);
      courses += report.courses;
      decisions += report.decisions;
      fingerprint = fingerprint * 31 + report.fingerprint;
    } catch (const testing::explore_error& error) {
      ++failures;
      std::printf("%s: %s\n", each.name, error.what());
    }
  }
  std::printf(
      "F2: %s seeds, each run twice with equal traces (%016llx), %s decisions: "
      "%zu failures (%.1f s)\n",
      test::with_commas(courses).c_str(), static_cast<unsigned long long>(fingerprint),
      test::with_commas(decisions).c_str(), failures, watch.seconds());
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return explore_all(motet::test::asked_for_long(argc, argv) ? 1'000'000 : 10'000);
}
