// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"

#include <mutex>
#include <shared_mutex>

namespace motet::test {

namespace {

/// Fibers that share what `f` uses; nobody is missed who is stopped.
template <class... F>
void all_of(const F&... f) {
  with_scope([&](scope& s) { (s.spin(f), ...); });
}

void must_be(bool right, const char* what) {
  if (!right) throw std::logic_error(what);
}

void take_locks(held_things& h) {
  mutex one;
  mutex two;
  const auto works = [&] {
    const std::scoped_lock both(one, two);
    holds_for(h, beat)();
  };
  const auto tries = [&] {
    if (const std::unique_lock held(two, 2 * beat); held) holds_for(h, beat)();
    shield([&] { one.lock_shielded(); });
    const std::lock_guard held(one, std::adopt_lock);
    sleep(beat);
  };
  all_of(works, works, tries);
  must_be(one.try_lock() && two.try_lock(), "a mutex is held");
}

void read_and_write(held_things& h) {
  motet::shared_mutex m;
  const auto reads = [&] {
    const std::shared_lock held(m);
    holds_for(h, beat)();
  };
  const auto writes = [&] {
    const std::unique_lock held(m);
    holds_for(h, beat)();
  };
  const auto gives_up = [&] {
    if (m.try_lock_for(beat)) m.unlock();
    if (m.try_lock_shared_for(beat)) m.unlock_shared();
  };
  all_of(reads, writes, reads, gives_up);
  must_be(m.try_lock(), "a shared mutex is held");
}

void hand_over_jobs(held_things& h) {
  mutex m;
  condition changed;
  int jobs = 0;
  const auto worker = [&] {
    std::unique_lock lock(m);
    changed.wait(lock, [&] { return jobs > 0; });
    --jobs;
    lock.unlock();
    holds_for(h, beat)();
  };
  const auto impatient = [&] {
    std::unique_lock lock(m);
    changed.wait_for(lock, beat, [&] { return jobs > 0; });
    must_be(lock.owns_lock(), "waited and does not hold its mutex");
  };
  with_scope([&](scope& s) {
    s.spin_daemon(worker);
    s.spin_daemon(worker);
    s.spin(impatient);
    for (int i = 0; i < 2; ++i) {
      const std::lock_guard held(m);
      ++jobs;
      sleep(beat);
      changed.notify_one();
    }
    sleep(5 * beat);
  });
  must_be(jobs >= 0 && m.try_lock(), "a job done twice, or a mutex held");
}

void count_permits(held_things& h) {
  semaphore permits(3);
  const auto takes = [&](std::size_t n) {
    return [&, n] {
      permits.acquire(n);
      const finally back([&] { permits.release(n); });
      holds_for(h, beat)();
    };
  };
  const auto tries = [&] {
    if (permits.try_acquire_for(beat)) permits.release();
  };
  all_of(takes(2), takes(3), takes(1), tries);
  must_be(permits.available() == 3, "a permit is missing");
}

void meet(held_things& h) {
  event go;
  latch begun(2);
  barrier step(2);
  const auto works = [&] {
    begun.arrive_and_wait();
    go.wait();
    for (int i = 0; i < 2; ++i) {
      holds_for(h, beat)();
      // Whoever is left alone does not wait for ever.
      move_on_after(5 * beat, [&] { step.arrive_and_wait(); });
    }
  };
  with_scope([&](scope& s) {
    s.spin_daemon(works);
    s.spin_daemon(works);
    move_on_after(5 * beat, [&] { begun.wait(); });
    go.set();
    sleep(20 * beat);
  });
}

void lend(held_things& h) {
  resource_pool<int> pool(2, [&] {
    holds_for(h, beat)();
    return 1;
  });
  const auto uses = [&] { pool.use([&](int&) { holds_for(h, beat)(); }); };
  const auto breaks = [&] {
    auto one = pool.acquire();
    sleep(beat);
    one.discard();
  };
  all_of(uses, breaks, uses, uses);
  must_be(pool.size() == pool.idle() && pool.waiting() == 0, "a resource is missing");
}

void make_once(held_things& h) {
  once<int> made;
  guarded<int> sum(0);
  const promise<int> first;
  const auto works = [&] {
    const int n = made([&] {
      holds_for(h, beat)();
      return 7;
    });
    sum.modify([&](int& s) {
      sleep(beat);
      s += n;
    });
    first.set(n);
  };
  const auto waits = [&] { move_on_after(20 * beat, [&] { (void)first.get(); }); };
  all_of(works, waits, works);
  shield([&] { sum.read([](const int& s) { must_be(s % 7 == 0, "half a sum"); }); });
}

}  // namespace

std::vector<scenario> locks() {
  return {
      {"two mutexes, timed, shielded and together", 15, &take_locks},
      {"a shared mutex", 12, &read_and_write},
      {"a condition", 15, &hand_over_jobs},
      {"a semaphore", 12, &count_permits},
      {"an event, a latch and a barrier", 15, &meet},
      {"a pool of resources", 18, &lend},
      {"once, guarded and promise", 12, &make_once},
  };
}

}  // namespace motet::test
