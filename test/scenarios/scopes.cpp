// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"

namespace motet::test {

namespace {

void finalize(held_things& h) {
  with_scope([&](scope& s) {
    s.on_exit([&] { holds_for(h, beat)(); });
    s.spin_daemon([&] { every(beat, holds_for(h, beat)); });
    s.spin_daemon([&] { holds_for(h, 200 * beat)(); });
    s.spin(holds_for(h, 5 * beat));
    s.spin(holds_for(h, 3 * beat)).await();
    s.on_exit([&] { ++h.taken; });
    s.on_exit([&] { ++h.given_back; });
  });
}

void start_services(held_things& h) {
  with_scope([&](scope& s) {
    const int port = s.spin_ready([&](ready_signal<int>& ready) {
      holds_for(h, 2 * beat)();
      ready(7);
      holds_for(h, 2 * beat)();
    });
    s.spin_ready([&](ready_signal<>& ready) {
      sleep(port * beat);
      ready();
    });
  });
}

void fail_and_cancel(held_things& h) {
  with_scope([&](scope& outer) {
    outer.spin(holds_for(h, 20 * beat));
    with_scope([&](scope& inner) {
      inner.spin(holds_for(h, 200 * beat));
      sleep(2 * beat);
      inner.cancel("enough");
    });
    with_scope([&](scope& inner) {
      inner.spin(holds_for(h, 200 * beat));
      inner.spin(fails_holding(h, beat));
    });
  });
}

void acquire_and_release(held_things& h) {
  const auto acquire = [&] {
    sleep(beat);
    return ++h.taken;
  };
  const auto release = [&](int) {
    sleep(beat);
    ++h.given_back;
  };
  acquire_use_release(
      acquire,
      [&](int) {
        acquire_use_release(
            acquire, [](int) { sleep(2 * beat); }, release);
        return 7;
      },
      release);
  on_cancel([&] { holds_for(h, beat)(); }, holds_for(h, 2 * beat));
}

void shield_and_mask(held_things& h) {
  cancel_after(1h, [&](timeout& idle) {
    shield([&](const restore& open) {
      move_on_after(3 * beat, holds_for(h, 10 * beat));
      open(holds_for(h, 2 * beat));
    });
    idle.reset();
    mask(holds_for(h, 2 * beat));
    shield(3 * beat, holds_for(h, 10 * beat));
  });
}

void nest_timeouts(held_things& h) {
  move_on_after(6 * beat, [&] {
    cancel_after(20 * beat, [&] {
      move_on_after(2 * beat, holds_for(h, 10 * beat));
      move_on_after(2 * beat, [&] { shield(holds_for(h, 3 * beat)); });
      spin(holds_for(h, beat)).await();
    });
    holds_for(h, 10 * beat)();
  });
}

}  // namespace

std::vector<scenario> scopes() {
  return {
      {"with_scope, its daemons and finalizers", 30, &finalize},
      {"spin_ready", 12, &start_services},
      {"a scope that fails, one that is cancelled, one around both", 15,
       &fail_and_cancel},
      {"acquire_use_release and on_cancel", 15, &acquire_and_release},
      {"shields, masks and timeouts in each other", 12, &shield_and_mask},
      {"timeouts in each other", 9, &nest_timeouts},
  };
}

}  // namespace motet::test
