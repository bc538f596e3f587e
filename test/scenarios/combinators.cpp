// SPDX-License-Identifier: MIT
#include "test/scenarios/holding.hpp"

#include <memory>
#include <vector>

namespace motet::test {

namespace {

void race_results(held_things& h) {
  const auto makes = [&h] {
    return shield([&h] {
      sleep(beat);
      ++h.taken;
      return std::make_shared<held_things*>(&h);
    });
  };
  const auto give_back = [&h](const std::shared_ptr<held_things*>&) {
    shield([&] { sleep(beat); });
    ++h.given_back;
  };
  give_back(race({.on_discard = give_back}, makes, makes));
}

void work_in_parallel(held_things& h) {
  const std::vector<int> spans{3, 1, 2, 4};
  const auto work = [&](int beats) { return holds_for(h, beats * beat)(); };
  for_each_parallel(spans, work);
  for_each_parallel(spans, {.limit = 2}, work);
  for_each_parallel(spans, {.limit = 2}, [&](int beats) {
    if (beats == 2) fails_holding(h, beat)();
    return work(beats);
  });
}

void let_go(held_things& h) {
  // What goes on without us is over in time.
  const auto slow = [&h] { return holds_for(h, 5 * beat)(); };
  disconnect(slow);
  race([] { sleep(2 * beat); }, [&] { disconnect(slow); });
  move_on_after(beat, [&] { return disconnect(slow); });
  sleep(10 * beat);
}

void wait_for_many(held_things& h) {
  const std::vector fibers{spin(holds_for(h, beat)), spin(holds_for(h, 2 * beat)),
                           spin(holds_for(h, 9 * beat)), spin(holds_for(h, 9 * beat))};
  static_cast<void>(first_of(fibers));
  await_all(fibers[0], fibers[1]);
  interrupt_all(fibers);
}

}  // namespace

std::vector<scenario> combinators() {
  return {
      {"race", 25,
       [](held_things& h) {
         race(holds_for(h, 10 * beat), holds_for(h, 5 * beat), fails_holding(h, beat));
         race(holds_for(h, beat), [&] { return shield(holds_for(h, 5 * beat)); });
       },
       &is_trouble},
      {"a race whose results are merged or given up", 8, &race_results},
      {"race_first", 18,
       [](held_things& h) {
         race_first(holds_for(h, 10 * beat), holds_for(h, 5 * beat));
         race_first(holds_for(h, 10 * beat), fails_holding(h, 5 * beat));
       }},
      {"when_all", 30,
       [](held_things& h) {
         when_all(holds_for(h, 5 * beat), [&] { holds_for(h, 3 * beat)(); });
         when_all(std::vector{holds_for(h, beat), holds_for(h, 5 * beat)});
         when_all(holds_for(h, 10 * beat), fails_holding(h, 5 * beat));
       }},
      {"for_each_parallel", 75, &work_in_parallel},
      {"disconnect, in a race and in a timeout", 18, &let_go},
      {"await_all, first_of and interrupt_all", 20, &wait_for_many},
      {"throttle", 18,
       [](held_things& h) {
         throttle limit{1000};
         with_scope([&](scope& s) {
           for (int i = 0; i < 3; ++i)
             s.spin([&] { limit(holds_for(h, beat)); });
         });
       }},
  };
}

}  // namespace motet::test
