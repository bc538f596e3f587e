// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/errand.hpp"
#include "lib/fiber/remote.hpp"

#include <motet/fiber_ref.hpp>

#include <algorithm>
#include <utility>

namespace motet {

namespace detail {

namespace {

constexpr const char* waits_for_it = "its exception to be thrown";

/// The exception that `of` waits for, if it is still in the line of its target.
edge_list::iterator find_thrown_by(fiber_state& target, const thrower& of) noexcept {
  edge_list& edges = target.extras->edges;
  return std::find_if(edges.begin(), edges.end(),
                      [&](const edge& e) { return e.thrower == &of; });
}

struct throw_here : waiter, thrower {
  fiber_state& target;

  throw_here(fiber_state& self, fiber_state& t, call_site point) noexcept : target(t) {
    what = waits_for_it;
    where = point;
    abort = [](waiter& w) noexcept { static_cast<throw_here&>(w).take_back(); };
    waiter::fiber = &self;
    waits = &self;
    over = [](thrower& mine) noexcept { this_scheduler->unpark(*mine.waits); };
  }

  void take_back() noexcept {
    const auto mine = find_thrown_by(target, *this);
    if (mine->committed) {  // it is as good as thrown: this wait is about to end
      aborted = false;
      return;
    }
    target.extras->edges.erase(mine);
    this_scheduler->unpark(*waiter::fiber);
  }
};

/// Into a fiber of another thread.
class throw_abroad final : public waiter, errand, thrower {
 public:
  throw_abroad(fiber_state& self, fiber_state& target, std::exception_ptr error,
               call_site point) noexcept
      // NOLINTNEXTLINE(bugprone-throw-keyword-missing): a member, not a lost exception
      : errand(target), error_(std::move(error)) {
    what = waits_for_it;
    where = point;
    waiter::fiber = &self;
    abort = [](waiter& w) noexcept { static_cast<throw_abroad&>(w).call_off(); };
    over = [](thrower& t) noexcept { static_cast<throw_abroad&>(t).done(); };
  }

  /// @returns whether it was thrown, or lost with the fiber's end after it was raised.
  bool run(scheduler& s) {
    go();
    s.park(*this, &disturb_if_pending);
    if (undone_) deliver_after_abort(s, where);
    return raised_;
  }

 private:
  static void disturb_if_pending(fiber_state& self) noexcept { disturb(self); }

  void begin() noexcept override {
    fiber_state& to = target();
    if (to.phase == fiber_phase::ended || to.ending) return done();
    raised_ = true;
    push_edge(to, {.error = std::move(error_), .child = {}, .thrower = this});
  }
  bool undo() noexcept override {
    if (!raised_ || !target().extras) return false;
    const auto mine = find_thrown_by(target(), *this);
    if (mine == target().extras->edges.end() || mine->committed) return false;
    target().extras->edges.erase(mine);
    undone_ = true;
    return true;
  }
  void back() noexcept override { this_scheduler->unpark(*waiter::fiber); }

  std::exception_ptr error_;
  bool raised_ = false;
  bool undone_ = false;
};

}  // namespace

}  // namespace detail

bool fiber_ref::throw_to(std::exception_ptr error, call_site where) const {
  detail::scheduler& s = detail::here("throw_to");
  detail::fiber_state& self = detail::enter_point(s, where);
  detail::fiber_state* const target = get();
  if (!error || target == nullptr || target->phase == fiber_phase::ended) return false;
  if (target == &self) std::rethrow_exception(std::move(error));
  if (!detail::is_local(*target)) {
    return detail::throw_abroad(self, *target, std::move(error), where).run(s);
  }
  if (target->ending) return false;
  detail::throw_here how(self, *target, where);
  push_edge(*target, {.error = std::move(error), .child = {}, .thrower = &how});
  detail::park(s, how);
  return true;
}

}  // namespace motet
