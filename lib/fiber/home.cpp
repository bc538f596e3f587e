// SPDX-License-Identifier: MIT
#include "lib/fiber/home.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/error.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/scope.hpp>

#include <utility>

namespace motet {

namespace detail {

bool dismiss_daemons(cancel_scope& node) {
  if (node.daemons == 0) return false;
  node.living += std::exchange(node.daemons, 0);
  for (fiber_state* f = node.children.first; f != nullptr; f = f->next_sibling) {
    if (f->phase == fiber_phase::ended || !std::exchange(f->daemon, false)) continue;
    ask(*f, disposition::stop, make_request(cancel_kind::parent, {}, f->spun_at));
  }
  return true;
}

void wake_joining(scheduler& s, cancel_scope& home) noexcept {
  if (home.living != 0 || !std::exchange(home.joining, false)) return;
  s.unpark(*home.fiber);
}

void become_daemon(const fiber_ref& child) noexcept {
  fiber_state& fiber = *child.get();
  fiber.daemon = true;
  --fiber.root.parent->living;
  ++fiber.root.parent->daemons;
}

void bind_to_home(const fiber_ref& child) noexcept {
  child.get()->bound = true;
}

cancel_scope* daemon_home() {
  cancel_scope* const home = daemons_of(here("spin_daemon").main());
  if (home == nullptr) throw structure_error("spin_daemon without a main fiber");
  return home;
}

void end_daemons(scheduler& s) {
  fiber_state& main = s.main();
  cancel_scope& daemons = *daemons_of(main);
  // Entered only now: no request to the main fiber was to reach what lives in it.
  open_scope(s, daemons);
  latch(daemons, make_request(cancel_kind::parent, {}, call_site{}));
  join(s, daemons);
  close_scope(main, daemons);
}

namespace {

void move_home(fiber_state& child, cancel_scope& to) noexcept {
  cancel_scope& from = *child.root.parent;
  remove(from.children, child);
  --count_with(child, from);
  child.daemon = false;
  child.root.parent = &to;
  append(to.children, child);
  ++to.living;
  wake_joining(*this_scheduler, from);
}

bool lives_below(const fiber_state& fiber, const fiber_state& above) noexcept {
  for (const fiber_state* f = &fiber;; f = f->root.parent->fiber) {
    if (f == &above) return true;
    if (f->root.parent == nullptr) return false;
  }
}

/// Whether a request from outside of `child` has cut a wait short, there or further down,
/// or may have: who was woken for it has to throw.
bool reached_from_outside(fiber_state& child) noexcept {
  const cancel_scope* const outside = find_cancelled_outside(child, child.root);
  bool reached = false;
  walk_tree(child, [&](fiber_state& f, std::size_t) {
    const bool waited =
        f.phase == fiber_phase::parked || f.phase == fiber_phase::runnable;
    reached = reached || (waited && find_cancelled(f) == outside);
  });
  return outside != nullptr && reached;
}

/// What `child` was asked by its surroundings and knows of becomes a request of its own.
void take_request_along(fiber_state& child) {
  if (child.root.request != nullptr || !reached_from_outside(child)) return;
  const cancel_reason& seen = find_cancelled_outside(child, child.root)->request->why;
  auto* const own = new request_record(seen);
  own->why.kind = cancel_kind::parent;
  ask(child, disposition::stop, own);
}

bool attach(fiber_state& child, fiber_state& parent) {
  if (child.is_main()) throw structure_error("the main fiber lives in no other");
  if (child.phase == fiber_phase::ended || parent.phase == fiber_phase::ended)
    return false;
  if (!is_local(child) || !is_local(parent)) {
    throw structure_error("attach_to with a fiber of another thread");
  }
  if (lives_below(parent, child)) {
    throw structure_error("fiber \"" + name_of(child) + "\" cannot live in \"" +
                          name_of(parent) + "\", which lives in it");
  }
  if (child.bound) {
    throw structure_error("fiber \"" + name_of(child) +
                          "\" is part of a call that waits for it: it lives there only");
  }
  if (child.ending || parent.ending || child.root.parent == &parent.root) return false;
  take_request_along(child);
  move_home(child, parent.root);
  if (child.supervised_by != nullptr) shelter_from_requests(child);
  if (parent.deadlines != 0) {
    walk_tree(child, [](fiber_state& f, std::size_t) { ++f.deadlines; });
  }
  if (find_cancelled_outside(child, child.root) != nullptr) notify_below(child.root);
  if (parent.root.supervised_by != nullptr) supervise_newcomer(parent.root, child);
  return true;
}

}  // namespace

}  // namespace detail

bool fiber_ref::attach_to(const fiber_ref& parent) const {
  if (get() == nullptr || parent.get() == nullptr) return false;
  return detail::attach(*get(), *parent.get());
}

}  // namespace motet
