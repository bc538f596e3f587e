// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/finalize.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>

#include <list>
#include <typeinfo>
#include <utility>
#include <vector>

namespace motet::detail {

edge_list take_edges(fiber_state& self) {
  if (!self.has_edges()) return {};
  edge_list edges = std::exchange(self.extras->edges, {});
  for (edge& e : edges) {
    if (e.thrower != nullptr) e.thrower->over(*e.thrower);
  }
  return edges;
}

namespace {

/// Keeps errors for the cause only.
void give_way(fiber_state& self, const error_list& errors) {
  if (errors.empty()) return;
  auto& suppressed = self.more().suppressed;
  suppressed.insert(suppressed.end(), errors.begin(), errors.end());
}

/// The fiber in which the error the body ended by arose: often another one.
void find_source(fiber_state& self) {
  if (!self.extras) return;
  for (const known_error& known : self.extras->known) {
    if (known.error != self.error) continue;
    self.extras->error_source = known.source;
    give_way(self, known.suppressed);
  }
}

/// Unwound by `cancelled`: what that means is up to whoever asked.
void settle_unwound(fiber_state& self) {
  switch (self.asked) {
    case disposition::move_on:
      return;  // the value lies in its place
    case disposition::stop:
      self.stopped = true;
      return;
    case disposition::cancel:
      self.error = self.extras && self.extras->cancel_error
                       ? self.extras->cancel_error
                       : std::make_exception_ptr(cancel_error(self.reason->why.message));
      return;
    case disposition::none:
    case disposition::restart:
      break;
  }
  if (cancel_scope* const outer = find_cancelled_outside(self, self.root)) {
    self.stopped = true;
    add_reference(*outer->request);
    drop_reference(std::exchange(self.reason, outer->request));
    return;
  }
  self.error = std::make_exception_ptr(structure_error(
      "a `cancelled` left fiber \"" + name_of(self) + "\", which nobody asked to stop"));
}

/// Errors of children and finalizers that nobody took make the fiber fail.
void add_leftover_errors(fiber_state& self) {
  error_list errors;
  error_list finalizers = take_finalizer_errors(self, self.root);
  if (self.error) give_way(self, std::exchange(finalizers, {}));
  for (edge& e : take_edges(self)) {
    if (e.child.get() == nullptr) {
      self.more().suppressed.push_back(std::move(e.error));
    } else {
      errors.push_back(std::move(e.error));
      if (!self.error && errors.size() == 1) {
        const fiber_extras* const child = e.child.get()->extras.get();
        const bool passed_on = child != nullptr && child->error_source.get() != nullptr;
        self.more().error_source = passed_on ? child->error_source : e.child;
      }
    }
  }
  errors.insert(errors.end(), finalizers.begin(), finalizers.end());
  if (errors.empty()) return;
  if (self.error) errors.insert(errors.begin(), self.error);
  self.error = aggregate(std::move(errors));
  self.stopped = false;
}

/// Whether the one who asked `self` to end was asked by one who … was asked by `self`.
bool asked_in_a_circle(const fiber_state& self, const fiber_state* source) noexcept {
  constexpr int far_enough = 100;
  for (int i = 0; i < far_enough; ++i) {
    if (source == nullptr || !is_local(*source) || source->reason == nullptr) break;
    source = source->reason->why.source.get();
    if (source == &self) return true;
  }
  return false;
}

/// Of what another thread's fibers were asked nothing can be known here. They may have
/// been asked by this one, or be asked yet: a reason that outlives its fiber names none.
void cut_foreign_sources(fiber_state& self) noexcept {
  for (request_record* r = self.reason; r != nullptr; r = r->later) {
    const fiber_state* const source = r->why.source.get();
    if (source != nullptr && !is_local(*source)) r->why.source = {};
  }
}

/// A reason keeps the fiber that asked alive, and an error the one in which it arose.
/// Where those keep each other, the reason is cut.
void cut_reason_cycles(fiber_state& self) noexcept {
  cut_foreign_sources(self);
  const fiber_state* const failed =
      self.extras ? self.extras->error_source.get() : nullptr;
  const bool ours = failed != nullptr && is_local(*failed);
  for (request_record* r = ours ? failed->reason : nullptr; r != nullptr; r = r->later) {
    const fiber_state* const source = r->why.source.get();
    if (source == &self || asked_in_a_circle(self, source)) r->why.source = {};
  }
  for (request_record* r = self.reason; r != nullptr; r = r->later) {
    const fiber_state* const source = r->why.source.get();
    if (source == &self) r->by_itself = true;
    if (source == &self || asked_in_a_circle(self, source)) r->why.source = {};
  }
}

}  // namespace

/// An error that tells of its own fiber, as the one who stopped another, would keep it.
void cut_error_cycle(fiber_state& self) {
  if (*self.error.__cxa_exception_type() != typeid(fiber_stopped)) return;
  try {
    std::rethrow_exception(self.error);
  } catch (fiber_stopped& e) {
    if (e.why_.source.get() == &self) e.why_.source = {};
  }
}

void settle_outcome(fiber_state& self, body_end end) {
  if (end.unwound) {
    settle_unwound(self);
  } else if (end.error) {
    self.error = std::move(end.error);
  }
  if (self.error) {
    find_source(self);
    cut_error_cycle(self);
  }
  add_leftover_errors(self);
  if ((self.error || self.stopped) && self.operations != nullptr) {
    self.operations->clear_result(self.body);
  }
  cut_reason_cycles(self);
}

}  // namespace motet::detail
