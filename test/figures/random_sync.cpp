// SPDX-License-Identifier: MIT

// Fibers that send, receive, select, lock, take permits and notify at random, cut short
// by deadlines and stops at random moments: no message, wake-up or permit is lost, and
// none comes twice. On the simulator along many courses, each of which a seed repeats
// (MOTET_SEED=7 takes the seventh); and for real, on several threads.
//
// usage: random_sync [--long]

#include "test/figures/figure.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace motet;

void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// What decides: the course, or a generator of the actor's own.
class dice {
 public:
  dice() = default;
  explicit dice(unsigned seed) : simulated_(false), random_(seed) {}

  std::size_t below(std::size_t count) {
    return simulated_ ? testing::choose(count) : random_() % count;
  }
  bool one_in(std::size_t count) { return below(count) == count - 1; }
  /// Now shorter than what is waited for, now longer.
  duration moment() {
    return simulated_ ? 1ms * static_cast<int>(below(4))
                      : 1us * static_cast<int>(below(40));
  }

 private:
  bool simulated_ = true;
  std::minstd_rand random_;
};

/// The end of all letters.
struct no_more {};

/// What all actors share. Every number goes one way, and is noted where it comes out.
class world {
 public:
  world(std::size_t actors, std::size_t each) : actors_(actors), seen_(actors * each) {}

  /// Waits for nothing but numbers, without any deadline: here a wake-up that is lost is
  /// a deadlock, or a hang.
  void drain(scope& s, std::size_t part) {
    if (part < channels_.size()) {
      s.spin({.name = "drain"}, [this, part] {
        for (const std::size_t number : channels_.at(part))
          note(number);
      });
    } else if (part == channels_.size()) {
      s.spin({.name = "taker"}, [this] {
        while (take_from_list()) {
        }
      });
    } else {
      // Always started, so that no letter comes before.
      postman_ = s.spin({.name = "postman", .start = start_policy::always}, [this] {
        bool more = true;
        while (more)
          receive([this](std::size_t number) { note(number); },
                  [&more](no_more) { more = false; });
      });
      open_.set();
    }
  }
  static constexpr std::size_t parts = 5;

  /// Does something with `number`, which may be sent by that. @returns whether it was.
  bool act(dice& d, std::size_t number) {
    ++operations;
    bool sent = false;
    const auto way = d.below(10);
    const auto once = [&] {
      switch (way) {
        case 0:
        case 1:
          some_channel(d).send(std::size_t{number});
          sent = true;
          break;
        case 2:
          note(some_channel(d).receive());
          break;
        case 3:
        case 4:
          choose_one(d, number, sent);
          break;
        case 5:
          put_into_list(number, sent);
          break;
        case 6:
          take_from_list();
          break;
        case 7:
          postman_ << number;
          sent = true;
          break;
        case 8:
          work_alone(d);
          break;
        default:
          work_among_few(d);
      }
    };
    // Who may wait for ever for a number does not take part without a deadline.
    const bool takes = way == 2 || way == 6;
    cut_short(d, takes, once);
    return sent;
  }

  void wait_until_open() { open_.wait(); }
  /// An actor has sent all its numbers.
  void leave() {
    if (--actors_ != 0) return;
    for (channel<std::size_t>& each : channels_)
      each.close();
    shield([&] {
      const std::lock_guard held(list_mutex_);
      list_ended_ = true;
    });
    list_changed_.notify_all();
    postman_ << no_more();
  }

  void check() {
    for (const auto& times : seen_) {
      expect(times != 0, "a number is lost");
      expect(times == 1, "a number came twice");
    }
    expect(permits_.available() == most, "a permit is lost, or one too many");
    expect(permits_.waiting() == 0, "somebody waits for permits");
    expect(inside_ == 0 && alone_mutex_.try_lock(), "the mutex is held");
    alone_mutex_.unlock();
    expect(list_.empty(), "a number was left in the list");
  }

  std::atomic<std::size_t> operations = 0;

 private:
  static constexpr std::size_t most = 3;

  void note(std::size_t number) { ++seen_.at(number); }
  channel<std::size_t>& some_channel(dice& d) {
    return channels_.at(d.below(channels_.size()));
  }

  /// Runs `f` as it is, under a deadline, or in a fiber that is stopped.
  template <class F>
  static void cut_short(dice& d, bool always, F f) {
    const std::size_t how = always ? 1 + d.below(2) : d.below(4);
    if (how == 1) {
      move_on_after(d.moment(), f);
    } else if (how == 2) {
      const auto other = spin(f);
      if (d.one_in(2)) sleep(d.moment());
      if (d.one_in(2)) yield();
      other.interrupt("at random");
    } else {
      f();
    }
  }

  void choose_one(dice& d, std::size_t number, bool& sent) {
    const auto took = [this](std::size_t other) { note(other); };
    const auto gave = [&sent] { sent = true; };
    auto& a = some_channel(d);
    auto& b = some_channel(d);
    switch (d.below(3)) {
      case 0:
        select(send_to(a, std::size_t{number}, gave), receive_from(b, took),
               after(d.moment()));
        break;
      case 1:
        select(receive_from(a, took), send_to(b, number, gave));
        break;
      default:
        select(send_to(a, number, gave), send_to(b, number, gave), after(d.moment()));
    }
  }

  void put_into_list(std::size_t number, bool& sent) {
    {
      const std::lock_guard held(list_mutex_);
      list_.push_back(number);
      sent = true;
    }
    list_changed_.notify_one();
  }
  /// @returns false if it has ended.
  bool take_from_list() {
    std::unique_lock held(list_mutex_);
    list_changed_.wait(held, [&] { return !list_.empty() || list_ended_; });
    if (list_.empty()) return false;
    note(list_.front());
    list_.pop_front();
    return true;
  }

  void work_alone(dice& d) {
    const std::lock_guard held(alone_mutex_);
    expect(++inside_ == 1, "two hold the mutex");
    const finally out([&] { --inside_; });
    if (d.one_in(2)) yield();
  }

  void work_among_few(dice& d) {
    const std::size_t wants = 1 + d.below(most);
    permits_.acquire(wants);
    const std::size_t now = among_few_ += wants;
    const finally out([&] {
      among_few_ -= wants;
      permits_.release(wants);
    });
    expect(now <= most, "more permits were given than there are");
    if (d.one_in(2)) yield();
  }

  std::atomic<std::size_t> actors_;
  std::vector<std::atomic<unsigned char>> seen_;
  std::array<channel<std::size_t>, 3> channels_{
      channel<std::size_t>(0), channel<std::size_t>(2), channel<std::size_t>(unbounded)};
  mutex list_mutex_;
  condition list_changed_;
  std::deque<std::size_t> list_;
  bool list_ended_ = false;
  mutex alone_mutex_;
  int inside_ = 0;
  semaphore permits_{most};
  std::atomic<std::size_t> among_few_ = 0;
  event open_;
  fiber_ref postman_;
};

/// Sends `each` numbers from `first` on, among other things.
void play(world& w, dice d, std::size_t first, std::size_t each) {
  w.wait_until_open();
  for (std::size_t number = first; number != first + each;) {
    if (w.act(d, number)) ++number;
  }
  w.leave();
}

struct total {
  std::size_t operations = 0;
  std::size_t failures = 0;
};

/// Along courses of the simulator; each is run twice, and counted once.
total on_the_simulator(std::size_t operations) {
  static constexpr std::size_t actors = 4;
  static constexpr std::size_t each = 12;
  total sum;
  const test::stopwatch watch;
  std::size_t seeds = 0;
  std::uint64_t seed = 1;
  const auto play_all = [&] {
    world w(actors, each);
    with_scope([&](scope& s) {
      for (std::size_t i = 0; i < world::parts; ++i)
        w.drain(s, i);
      for (std::size_t i = 0; i < actors; ++i)
        s.spin([&w, i] { play(w, dice(), i * each, each); });
    });
    w.check();
    sum.operations += w.operations;
  };
  try {
    while (sum.operations / 2 < operations) {
      constexpr std::size_t batch = 50;
      seeds += testing::explore({.seeds = batch, .first_seed = seed}, play_all).courses;
      seed += batch;
      if (std::getenv("MOTET_SEED") != nullptr) break;
    }
  } catch (const testing::explore_error& error) {
    ++sum.failures;
    std::printf("random_sync: %s\n", error.what());
  }
  sum.operations /= 2;
  std::printf("random_sync: simulated: %s operations, %s seeds: %zu failures (%.1f s)\n",
              test::with_commas(sum.operations).c_str(), test::with_commas(seeds).c_str(),
              sum.failures, watch.seconds());
  return sum;
}

/// On real threads, with a seed for each round of play.
total for_real(backend_kind backend, const char* name, std::size_t operations) {
  static constexpr std::size_t threads = 2;
  static constexpr std::size_t actors = 4;
  static constexpr std::size_t each = 300;
  total sum;
  const test::stopwatch watch;
  for (unsigned seed = 1; sum.operations < operations && sum.failures == 0; ++seed) {
    world w(threads * actors, each);
    const test::watchdog dog(
        std::string("random_sync, ") + name + ", seed " + std::to_string(seed), 60);
    try {
      run_threads(threads, {.backend = backend, .signals = signal_policy::none},
                  [&](std::size_t thread) {
                    with_scope([&](scope& s) {
                      for (std::size_t i = thread; i < world::parts; i += threads)
                        w.drain(s, i);
                      for (std::size_t i = 0; i < actors; ++i) {
                        const std::size_t index = thread * actors + i;
                        s.spin([&w, seed, index] {
                          play(w, dice(seed * 1'000 + static_cast<unsigned>(index)),
                               index * each, each);
                        });
                      }
                    });
                  });
      w.check();
    } catch (const std::exception& error) {
      ++sum.failures;
      std::printf("random_sync: %s, seed %u: %s\n", name, seed, error.what());
    }
    sum.operations += w.operations;
  }
  std::printf("random_sync: %s, %zu threads: %s operations: %zu failures (%.1f s)\n",
              name, threads, test::with_commas(sum.operations).c_str(), sum.failures,
              watch.seconds());
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = test::asked_for_long(argc, argv);
  std::size_t failures = on_the_simulator(all ? 1'000'000 : 20'000).failures;
  for (const auto& [kind, name] : test::kernel_backends())
    failures += for_real(kind, name, all ? 1'000'000 : 30'000).failures;
  return failures == 0 ? 0 : 1;
}
