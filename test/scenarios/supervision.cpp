// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"

namespace motet::test {

namespace {

/// Crashes until its third run.
auto heals(held_things& h) {
  return [&h, runs = 0]() mutable {
    holds_for(h, 2 * beat)();
    if (++runs < 3) throw trouble("crashed");
  };
}

auto watch(restart_strategy strategy) {
  return [strategy](held_things& h) {
    spin(holds_for(h, 5 * beat));
    spin(heals(h));
    spin(holds_for(h, 3 * beat));
    supervise({.restart = restart_policy::on_error,
               .backoff = beat,
               .strategy = strategy,
               .shutdown = beat});
  };
}

void give_up(held_things& h) {
  spin([&h, runs = 0]() mutable {
    const bool bad = ++runs == 1;
    spin([&h, bad] {
      holds_for(h, beat)();
      if (bad) throw trouble("crashed");
    });
    supervise({.restart = restart_policy::on_error, .intensity = 1});
  });
  spin(holds_for(h, 4 * beat));
  supervise({.restart = restart_policy::on_error, .on_error = [](auto&&...) {}});
}

void search_again(held_things& h) {
  const auto searcher = spin({.restartable = true}, [&h] {
    const auto from = receive<fiber_ref>();
    holds_for(h, 3 * beat)();
    from << 42;
  });
  for (int keys = 0; keys < 3; ++keys) {
    searcher.restart();
    searcher << this_fiber::self();
    sleep(beat);
  }
  move_on_after(20 * beat, [] { static_cast<void>(receive<int>()); });
  searcher.restart();
  searcher << this_fiber::self();
  move_on_after(20 * beat, [] { static_cast<void>(receive<int>()); });
}

void terminate_with_grace(held_things& h) {
  const auto worker = spin(holds_for(h, 200 * beat));
  const auto linked = spin([&] {
    link(worker);
    holds_for(h, 200 * beat)();
  });
  worker.monitor();
  sleep(beat);
  worker.terminate(5 * beat);
  move_on_after(20 * beat, [] { static_cast<void>(receive<ended>()); });
  linked.interrupt();
}

}  // namespace

std::vector<scenario> supervision() {
  return {
      {"supervise, one for one", 40, watch(restart_strategy::one_for_one), &is_trouble},
      {"supervise, one for all", 40, watch(restart_strategy::one_for_all), &is_trouble},
      {"supervise, rest for one", 40, watch(restart_strategy::rest_for_one), &is_trouble},
      {"supervise that gives up, under another that does not", 40, &give_up},
      {"restart, of fibers in all states", 20, &search_again},
      {"terminate with a grace, links and monitors", 10, &terminate_with_grace},
  };
}

}  // namespace motet::test
