// SPDX-License-Identifier: MIT
#include "lib/fiber/wait_cycle.hpp"

#include <motet/debug.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <unordered_set>
#include <utility>
#include <vector>

namespace motet::detail {

namespace {

/// Fibers, in the order in which they were found: mostly one or two, at times thousands.
struct found_fibers {
  static constexpr std::size_t few = 16;

  std::vector<fiber_state*> list;
  std::unordered_set<const fiber_state*> many;  ///< The same, once they are.

  void add(fiber_state* f) {
    if (f == nullptr) return;  // it waits for one of several
    if (list.size() == few) many.insert(list.begin(), list.end());
    const bool known = list.size() < few
                           ? std::find(list.begin(), list.end(), f) != list.end()
                           : !many.insert(f).second;
    if (!known) list.push_back(f);
  }
};

/// Adds those that wait for `fiber` itself.
void add_waiting(found_fibers& found, const fiber_state& fiber) {
  for (const queue_waiter* w = fiber.end_waiters.first; w != nullptr; w = w->next) {
    found.add(w->fiber);
  }
  if (fiber.has_edges()) {
    for (const edge& e : fiber.extras->edges) {
      if (e.thrower != nullptr) found.add(e.thrower->waits);
    }
  }
  const cancel_scope* const home = fiber.root.parent;
  if (home != nullptr && home->joining) found.add(home->fiber);
}

/// All that wait for `fiber`, directly or not.
std::vector<fiber_state*> all_waiting(const fiber_state& fiber) {
  if (!is_waited_for(fiber)) return {};
  found_fibers found;
  add_waiting(found, fiber);
  for (std::size_t i = 0; i < found.list.size(); ++i)
    add_waiting(found, *found.list[i]);
  return std::move(found.list);
}

bool lives_in(const fiber_state& fiber, const cancel_scope& node) noexcept {
  for (const cancel_scope* s = fiber.root.parent; s != nullptr; s = s->parent) {
    if (s == &node) return true;
  }
  return false;
}

}  // namespace

bool waits_for(const fiber_state& target, const fiber_state& self) {
  const auto list = all_waiting(self);
  return std::find(list.begin(), list.end(), &target) != list.end();
}

namespace {

void break_all(scheduler& s, fiber_state& self, const cancel_scope& node) {
  for (fiber_state* const f : all_waiting(self)) {
    if (f->phase != fiber_phase::parked || !lives_in(*f, node)) continue;
    waiter& how = *f->waiting;
    if (how.aborted) continue;
    s.deadlock_report = "fiber \"" + name_of(*f) + "\" waits for \"" + name_of(self) +
                        "\", which waits for it:\n" + dump();
    if (how.abort == nullptr) {
      std::fprintf(stderr, "motet: deadlock: %s", s.deadlock_report.c_str());
      std::terminate();
    }
    f->deadlocked = true;
    how.aborted = true;
    how.abort(how);
  }
}

}  // namespace

void break_cycles(scheduler& s, fiber_state& self, const cancel_scope& node) noexcept {
  try {
    break_all(s, self, node);
  } catch (const std::bad_alloc&) {
    // Not found for now. A circle that nobody breaks is told of as a deadlock.
  }
}

}  // namespace motet::detail
