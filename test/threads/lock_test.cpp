// SPDX-License-Identifier: MIT
#include "test/threads/real_time.hpp"

#include <motet/motet.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace motet {
namespace {

using test::run_for_real;

/// `f(index)` on a scheduler each of two threads.
template <class F>
void run_on_two(F&& f) {
  const std::jthread other([&] { run_for_real([&] { f(1U); }); });
  run_for_real([&] { f(0U); });
}

TEST_SUITE("threads: locks") {
  TEST_CASE("fibers of two schedulers have a mutex one at a time") {
    static constexpr int rounds = 200;
    mutex m;
    long counter = 0;
    run_on_two([&](unsigned) {
      with_scope([&](scope& s) {
        for (int f = 0; f < 4; ++f) {
          s.spin([&] {
            for (int i = 0; i < rounds; ++i) {
              const std::lock_guard held(m);
              const long seen = counter;
              if (i % 16 == 0) yield();
              counter = seen + 1;
            }
          });
        }
      });
    });
    CHECK(counter == 2L * 4 * rounds);
  }

  TEST_CASE("C-05: cancelled at random, fibers of two schedulers lose no mutex") {
    static constexpr int rounds = 300;
    mutex m;
    long counter = 0;
    std::atomic<long> expected{0};
    run_on_two([&](unsigned index) {
      with_scope([&](scope& s) {
        for (unsigned f = 0; f < 4; ++f) {
          s.spin([&, seed = index * 4 + f] {
            std::minstd_rand random(seed + 1);
            for (int i = 0; i < rounds; ++i) {
              const auto patience = std::chrono::microseconds(random() % 40);
              move_on_after(patience, [&] {
                std::unique_lock<mutex> held;
                if (random() % 2 == 0) {
                  held = std::unique_lock(m);
                } else {
                  held = std::unique_lock(m, patience / 2);
                  if (!held) return;
                }
                ++counter;
                ++expected;
                if (random() % 4 == 0) yield();
              });
            }
          });
        }
      });
    });
    CHECK(counter == expected);
    CHECK(m.try_lock());
    m.unlock();
  }

  TEST_CASE("C-08: a condition is signalled by a plain thread, and nothing is lost") {
    static constexpr int rounds = 200;
    mutex m;
    condition changed;
    int jobs = 0;
    run_for_real([&] {
      const std::jthread producer([&] {
        for (int i = 0; i < rounds; ++i) {
          while (!m.try_lock())
            std::this_thread::yield();
          ++jobs;
          m.unlock();
          changed.notify_one();
        }
      });
      int done = 0;
      with_scope([&](scope& s) {
        for (int f = 0; f < 3; ++f) {
          s.spin_daemon([&] {
            for (unsigned i = 0;; ++i) {
              std::unique_lock lock(m);
              const auto enough = std::chrono::microseconds(i % 50);
              if (!changed.wait_for(lock, enough, [&] { return jobs > 0; })) continue;
              --jobs;
              ++done;
              if (done == rounds) changed.notify_all();
            }
          });
        }
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return done == rounds; });
      });
      CHECK(jobs == 0);
      CHECK(done == rounds);
    });
  }

  TEST_CASE("C-10: permits go to and fro between threads, cancelled at random") {
    static constexpr int rounds = 300;
    semaphore sem(3);
    std::atomic<int> held{0};
    std::atomic<bool> too_many{false};
    run_on_two([&](unsigned index) {
      with_scope([&](scope& s) {
        for (unsigned f = 0; f < 4; ++f) {
          s.spin([&, seed = index * 4 + f] {
            std::minstd_rand random(seed + 1);
            for (int i = 0; i < rounds; ++i) {
              const auto n = 1 + random() % 3;
              move_on_after(std::chrono::microseconds(random() % 40), [&] {
                sem.acquire(n);
                const finally back([&] {
                  held -= static_cast<int>(n);
                  sem.release(n);
                });
                if ((held += static_cast<int>(n)) > 3) too_many = true;
                yield();
              });
            }
          });
        }
      });
    });
    CHECK_FALSE(too_many);
    CHECK(sem.available() == 3);
    CHECK(sem.waiting() == 0);
  }

  TEST_CASE("permits that a plain thread releases arrive, all of them") {
    static constexpr int rounds = 500;
    semaphore sem(0);
    run_for_real([&] {
      const std::jthread giver([&] {
        for (int i = 0; i < rounds; ++i)
          sem.release();
      });
      for (int i = 0; i < rounds; ++i)
        sem.acquire();
    });
    CHECK(sem.available() == 0);
  }

  TEST_CASE("an event that a plain thread sets may be gone at once") {
    static constexpr int rounds = 200;
    std::atomic<event*> to_set{nullptr};
    std::atomic<bool> over{false};
    run_for_real([&] {
      const std::jthread setter([&] {
        while (!over) {
          event* const e = to_set.exchange(nullptr);
          if (e != nullptr) {
            e->set();
          } else {
            std::this_thread::yield();
          }
        }
      });
      int seen = 0;
      for (int i = 0; i < rounds; ++i) {
        const auto e = std::make_unique<event>();
        to_set = e.get();
        if (i % 2 == 0) std::this_thread::yield();  // set before the wait, at times
        e->wait();
        ++seen;
      }
      over = true;
      CHECK(seen == rounds);
    });
  }

  TEST_CASE("C-22: a once is made once by fibers of two schedulers") {
    for (int round = 0; round < 20; ++round) {
      once<std::vector<int>> made;
      std::atomic<int> times{0};
      std::atomic<int> wrong{0};
      run_on_two([&](unsigned) {
        with_scope([&](scope& s) {
          for (int f = 0; f < 4; ++f) {
            s.spin([&] {
              const auto& v = made([&] {
                ++times;
                yield();
                return std::vector{1, 2, 3};
              });
              if (v.size() != 3) ++wrong;
            });
          }
        });
      });
      REQUIRE(times == 1);
      REQUIRE(wrong == 0);
    }
  }

  TEST_CASE("C-16: readers and writers of two schedulers, cancelled at random") {
    static constexpr int rounds = 200;
    motet::shared_mutex m;
    long value = 0;
    std::atomic<long> written{0};
    std::atomic<int> wrong{0};
    run_on_two([&](unsigned index) {
      with_scope([&](scope& s) {
        for (unsigned f = 0; f < 4; ++f) {
          s.spin([&, seed = index * 4 + f] {
            std::minstd_rand random(seed + 1);
            for (int i = 0; i < rounds; ++i) {
              move_on_after(std::chrono::microseconds(random() % 40), [&] {
                if (random() % 3 == 0) {
                  const std::unique_lock held(m);
                  ++value;
                  ++written;
                } else {
                  const std::shared_lock held(m);
                  const long before = value;
                  yield();
                  if (value != before) ++wrong;
                }
              });
            }
          });
        }
      });
    });
    CHECK(wrong == 0);
    CHECK(value == written);
    CHECK(m.try_lock());
    m.unlock();
  }

  TEST_CASE("C-18: a pool lends to fibers of two schedulers, cancelled at random") {
    static constexpr int rounds = 200;
    std::atomic<int> alive{0};
    std::atomic<bool> too_many{false};
    struct counted {
      std::atomic<int>& alive;
      int uses = 0;  // unguarded: one at a time
      explicit counted(std::atomic<int>& a) : alive(a) { ++alive; }
      counted(const counted&) = delete;
      counted& operator=(const counted&) = delete;
      ~counted() { --alive; }
    };
    {
      resource_pool<counted> pool(3, [&] { return counted(alive); });
      run_on_two([&](unsigned index) {
        with_scope([&](scope& s) {
          for (unsigned f = 0; f < 4; ++f) {
            s.spin([&, seed = index * 4 + f] {
              std::minstd_rand random(seed + 1);
              for (int i = 0; i < rounds; ++i) {
                move_on_after(std::chrono::microseconds(random() % 40), [&] {
                  auto one = pool.acquire();
                  ++one->uses;
                  if (alive > 3) too_many = true;
                  yield();
                  if (random() % 8 == 0) one.discard();
                });
              }
            });
          }
        });
      });
      CHECK(pool.waiting() == 0);
      CHECK(pool.idle() == pool.size());
    }
    CHECK_FALSE(too_many);
    CHECK(alive == 0);
  }

  TEST_CASE("C-23: fibers of two schedulers wait for each other at every step") {
    static constexpr int rounds = 100;
    int steps = 0;  // changed by whoever comes last, read by all after that
    std::atomic<int> wrong{0};
    barrier step(6, [&]() noexcept { ++steps; });
    latch done(6);
    run_on_two([&](unsigned) {
      with_scope([&](scope& s) {
        for (int f = 0; f < 3; ++f) {
          s.spin([&] {
            for (int i = 1; i < rounds; i += 2) {
              step.arrive_and_wait();
              if (steps != i) ++wrong;
              step.arrive_and_wait();
            }
            done.arrive_and_wait();
          });
        }
      });
    });
    CHECK(wrong == 0);
    CHECK(steps == rounds);
    CHECK(done.try_wait());
  }

  TEST_CASE("promises are set by plain threads and by fibers of another scheduler") {
    static constexpr int rounds = 100;
    run_for_real([] {
      for (int i = 0; i < rounds; ++i) {
        const promise<std::vector<int>> p;
        std::atomic<int> firsts{0};
        const std::jthread one(
            [p, i, &firsts] { firsts += p.set(std::vector{i}) ? 1 : 0; });
        const std::jthread other([p, &firsts] {
          firsts += p.set_exception(std::runtime_error("the other")) ? 1 : 0;
        });
        int got = i;
        try {
          got = p.get().front();
        } catch (const std::runtime_error&) {
        }
        REQUIRE(got == i);
        REQUIRE(p.ready());
      }
    });
  }

  TEST_CASE("what can only be moved goes to one of two threads that wait for it") {
    static constexpr int rounds = 20;
    for (int i = 0; i < rounds; ++i) {
      const promise<std::unique_ptr<int>> p;
      std::atomic<int> got{0};
      run_on_two([&](unsigned index) {
        if (index == 1) p.set(std::make_unique<int>(i));
        try {
          if (*p.get() == i) ++got;
        } catch (const structure_error&) {
        }
      });
      REQUIRE(got == 1);
    }
  }

  TEST_CASE("C-15: a guarded value is changed by fibers of two schedulers") {
    static constexpr int rounds = 200;
    guarded<int> number(0);
    run_on_two([&](unsigned) {
      for (int i = 0; i < rounds; ++i) {
        number.modify([](int& n) {
          const int seen = n;
          yield();
          n = seen + 1;
        });
      }
    });
    run_for_real([&] { number.read([](const int& n) { CHECK(n == 2 * rounds); }); });
  }
}

}  // namespace
}  // namespace motet
