// SPDX-License-Identifier: MIT
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace motet {
namespace {

using test::run_for_real;

/// As many stacks as any case here has at a time: their reserve, which does not shrink,
/// is not to grow in the middle of one.
void fill_reserve_of_stacks() {
  run_for_real([] {
    for (int i = 0; i < 150; ++i)
      spin([] {});
  });
}

/// Runs `f(index)` on so many threads, each with a scheduler.
template <class F>
void on_threads(std::size_t count, F f) {
  fill_reserve_of_stacks();
  // All have begun before the first is through: they are to meet, and the kernel is not
  // to give one's memory to another, which TSan would not know.
  std::latch begun(static_cast<std::ptrdiff_t>(count));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&f, &begun, i] {
      run_for_real([&] {
        begun.arrive_and_wait();
        f(i);
      });
    });
  }
}

/// Numbers that come out as often as they went in: once.
class census {
 public:
  explicit census(std::size_t count) : seen_(count) {}

  void note(std::size_t number) { seen_.at(number).fetch_add(1); }
  [[nodiscard]] std::size_t wrong() const {
    std::size_t count = 0;
    for (const auto& times : seen_)
      count += times.load() == 1 ? 0 : 1;
    return count;
  }

 private:
  std::vector<std::atomic<int>> seen_;
};

/// Some microseconds, so that now the deadline is first and now the value.
duration moment(std::minstd_rand& chance) {
  return 1us * static_cast<int>(chance() % 60);
}

/// What travels: it only moves, and whoever still has one knows.
using parcel = std::unique_ptr<std::size_t>;

/// Sends `each` numbers, from `first` on, with deadlines that are often too short.
void send_impatiently(channel<parcel>& to, std::size_t first, std::size_t each) {
  std::minstd_rand chance(static_cast<unsigned>(first + 1));
  for (std::size_t number = first; number != first + each; ++number) {
    auto mine = std::make_unique<std::size_t>(number);
    while (mine)
      move_on_after(moment(chance), [&] { to.send(std::move(mine)); });
  }
}

void receive_impatiently(channel<parcel>& from, census& all, unsigned seed) {
  std::minstd_rand chance(seed);
  try {
    for (;;) {
      parcel got;
      move_on_after(moment(chance), [&] { got = from.receive(); });
      if (got) all.note(*got);
    }
  } catch (const closed_error&) {
  }
}

TEST_SUITE("threads: channels") {
  TEST_CASE("values pass from thread to thread in order") {
    static constexpr int count = 2'000;
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{7}, unbounded}) {
      channel<int> ch(capacity);
      std::atomic<int> wrong = 0;
      on_threads(2, [&](std::size_t i) {
        if (i == 0) {
          for (int n = 0; n < count; ++n)
            ch.send(n);
          ch.close();
          return;
        }
        int next = 0;
        for (const int n : ch)
          wrong += n == next++ ? 0 : 1;
        wrong += next == count ? 0 : 1;
      });
      CHECK(wrong == 0);
    }
  }

  TEST_CASE("a thread without a scheduler sends, receives and closes") {
    channel<int> there(unbounded);
    channel<int> back(unbounded);
    std::jthread plain([&] {
      for (int n = 0; n < 100; ++n)
        CHECK(there.try_send(n));
      there.close();
    });
    run_for_real([&] {
      for (const int n : there)
        back.send(n);
    });
    plain.join();
    int next = 0;
    while (const auto n = back.try_receive())
      CHECK(*n == next++);
    CHECK(next == 100);
  }

  TEST_CASE("every value arrives once, whoever is cut short when") {
    static constexpr std::size_t each = 400;
    static constexpr std::size_t threads = 3;
    static constexpr std::size_t fibers = 3;
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{2}, unbounded}) {
      census all(threads * fibers * each);
      channel<parcel> ch(capacity);
      std::atomic<std::size_t> senders = threads * fibers;
      on_threads(threads, [&](std::size_t thread) {
        with_scope([&](scope& s) {
          for (std::size_t f = 0; f < fibers; ++f) {
            const std::size_t index = thread * fibers + f;
            s.spin([&, index] {
              send_impatiently(ch, index * each, each);
              if (--senders == 0) ch.close();
            });
            s.spin([&, index] {
              receive_impatiently(ch, all, static_cast<unsigned>(index + 100));
            });
          }
        });
      });
      CHECK(all.wrong() == 0);
      CHECK(ch.size() == 0);
    }
  }

  TEST_CASE("a stop races with a value: it is received or still there") {
    static constexpr std::size_t rounds = 300;
    channel<int> ch(unbounded);
    std::atomic<std::size_t> got = 0;
    on_threads(2, [&](std::size_t i) {
      for (std::size_t round = 0; round < rounds; ++round) {
        if (i == 0) {
          ch.send(1);
          yield();
          continue;
        }
        const auto f = spin([&] {
          (void)ch.receive();
          ++got;
        });
        if (round % 3 == 0) yield();
        if (round % 5 == 0) sleep(1us);
        f.interrupt();
      }
    });
    CHECK(got + ch.size() == rounds);
  }

  TEST_CASE("close reaches those who wait on all threads") {
    channel<int> ch;
    std::atomic<int> waiting = 0;
    std::atomic<int> closed = 0;
    on_threads(3, [&](std::size_t i) {
      if (i == 0) {
        while (waiting != 20)
          yield();
        ch.close();
        return;
      }
      with_scope([&](scope& s) {
        for (int n = 0; n < 10; ++n) {
          s.spin([&] {
            ++waiting;
            CHECK_THROWS_AS((void)ch.receive(), closed_error);
            ++closed;
          });
        }
      });
    });
    CHECK(closed == 20);
  }
}

TEST_SUITE("threads: select") {
  TEST_CASE("selects of several threads meet, and each value arrives once") {
    static constexpr std::size_t each = 400;
    static constexpr std::size_t threads = 3;
    census all(threads * each);
    channel<parcel> a;
    channel<parcel> b(1);
    std::atomic<std::size_t> left = threads * each;
    channel<int> over;
    on_threads(threads, [&](std::size_t thread) {
      std::minstd_rand chance(static_cast<unsigned>(thread + 1));
      const auto took = [&](parcel p) {
        all.note(*p);
        if (--left == 0) over.close();
      };
      try {
        for (std::size_t n = 0;;) {
          auto mine = std::make_unique<std::size_t>(thread * each + n);
          const duration patience = moment(chance);
          if (n == each) {
            select(receive_from(b, took), receive_from(a, took),
                   receive_from(over, [](int) {}), after(patience));
          } else if (chance() % 2 == 0) {
            select(send_to(a, std::move(mine)), receive_from(b, took), after(patience),
                   receive_from(a, took), receive_from(over, [](int) {}));
          } else {
            select(receive_from(a, took), send_to(b, std::move(mine)),
                   receive_from(b, took), after(patience));
          }
          if (!mine) ++n;
        }
      } catch (const closed_error&) {
      }
    });
    CHECK(all.wrong() == 0);
    CHECK_FALSE(a.try_receive());
    CHECK(b.size() == 0);
  }

  TEST_CASE("a select that is stopped has taken nothing, one that is not has") {
    static constexpr std::size_t rounds = 300;
    channel<int> a;
    channel<int> b(unbounded);
    std::atomic<std::size_t> got = 0;
    std::atomic<std::size_t> sent = 0;
    on_threads(2, [&](std::size_t i) {
      for (std::size_t round = 0; round < rounds; ++round) {
        if (i == 0) {
          if (round % 2 == 0) {
            b.send(1);
            ++sent;
          } else {
            select(send_to(a, 1, [&] { ++sent; }), after(20us));
          }
          continue;
        }
        const auto count = [&](int) { ++got; };
        const auto f =
            spin([&] { select(receive_from(a, count), receive_from(b, count)); });
        if (round % 3 == 0) sleep(1us);
        f.interrupt();
      }
    });
    CHECK(got + b.size() == sent);
  }
}

}  // namespace
}  // namespace motet
