// SPDX-License-Identifier: MIT
#include "lib/fiber/group_wait.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/error.hpp>

#include <utility>

namespace motet::detail {

void refuse_null() {
  throw structure_error("await of a null fiber handle");
}

void refuse_to_wait_for_self(const fiber_state& self, const fiber_state& target) {
  if (&self == &target) throw deadlock_error("a fiber cannot wait for its own end");
  if (waits_for(target, self)) {
    throw deadlock_error("waiting for fiber \"" + name_of(target) +
                         "\" would never end: it waits for this one");
  }
}

namespace {

/// Children's errors that were to be thrown here, and which a wait takes over.
class taken_edges {
 public:
  explicit taken_edges(fiber_state& self) noexcept : self_(self) {}
  taken_edges(const taken_edges&) = delete;
  taken_edges& operator=(const taken_edges&) = delete;
  /// What nobody kept is to be thrown here again.
  ~taken_edges() {
    for (const fiber_handle& child : taken_)
      push_edge(self_, {.error = child.get()->error, .child = child});
  }

  void take(const fiber_handle& child) {
    if (taken_.size() == taken_.capacity()) taken_.reserve(2 * taken_.size() + 1);
    if (withdraw_edge(self_, target_of(child))) taken_.push_back(child);
  }
  void keep(const fiber_handle& child) noexcept {
    std::erase_if(taken_, [&](const fiber_handle& f) { return f.get() == child.get(); });
  }
  void keep_all() noexcept { taken_.clear(); }

 private:
  fiber_state& self_;
  std::vector<fiber_handle> taken_;
};

}  // namespace

class group_wait::place_abroad final : public errand {
 public:
  place_abroad(group_wait& group, std::size_t i, fiber_state& fiber) noexcept
      : errand(fiber), group_(group), i_(i) {
    line_.self = this;
    line_.what = "the end of a fiber";
    line_.taken = [](queue_waiter& w) noexcept { static_cast<in_line&>(w).self->done(); };
  }

 private:
  struct in_line : queue_waiter {
    place_abroad* self = nullptr;
  };

  void begin() noexcept override {
    if (target().phase == fiber_phase::ended) return done();
    target().end_waiters.push(line_);
  }
  bool undo() noexcept override {
    if (line_.queue == nullptr) return false;
    line_.queue->remove(line_);
    return true;
  }
  void back() noexcept override { group_.hear_from_abroad(i_); }

  group_wait& group_;
  const std::size_t i_;
  in_line line_;  ///< The target's thread only.
};

group_wait::group_wait(const fiber_ref* const* fibers, std::size_t count,
                       until end) noexcept
    : fibers_(fibers), count_(count), end_(end), decided_by_(count) {
  what = count == 1            ? "the end of a fiber"
         : end == until::first ? "the end of one of several fibers"
                               : "the end of several fibers";
  abort = [](waiter& w) noexcept {
    auto& self = static_cast<group_wait&>(w);
    self.leave();
    self.closing_ = true;
    if (self.out_ == 0) this_scheduler->unpark(*w.fiber);
  };
}

group_wait::~group_wait() {
  leave();
  closing_ = true;
  while (out_ != 0) {
    waiter how;
    how.what = "other threads to let go of a wait";
    this_scheduler->park(how);
  }
}

void group_wait::wait(scheduler& s, call_site point) {
  fiber_state& self = s.running();
  taken_edges taken(self);
  const auto take_all = [&] {
    for (std::size_t i = 0; i < count_; ++i)
      taken.take(target(i));
  };
  take_all();
  where = point;
  fiber = &enter_point(s, point);
  take_all();  // of those that failed while others were let run
  check_sense(self);
  watch();
  if (!over()) {
    parked_ = true;
    park(s, *this);
  }
  if (end_ == until::first) {
    taken.keep(target(decided_by_));
  } else {
    taken.keep_all();
  }
}

void group_wait::wait_shielded(scheduler& s) {
  fiber = &s.running();
  abort = nullptr;
  watch();
  if (over()) return;
  parked_ = true;
  s.park(*this);
}

/// Throws if the wait of `self` could never end.
void group_wait::check_sense(const fiber_state& self) const {
  bool hope = false;  // of the first, when others cannot end before `self` does
  for (std::size_t i = 0; i < count_; ++i) {
    const fiber_state& f = target_of(target(i));
    const bool ended = f.phase == fiber_phase::ended;
    hope = hope || ended || (&self != &f && !waits_for(f, self));
    if (!ended && end_ != until::first) check_waitable(self, f);
  }
  if (!hope && count_ != 0) check_waitable(self, *target(0).get());
}

/// Takes a place with each; those that have ended already are heard of at once.
void group_wait::watch() {
  places_ = sure_vector<place>(count_);
  left_ = count_;
  for (std::size_t i = 0; i < count_ && !over(); ++i)
    watch(i, target_of(target(i)));
}

void group_wait::watch(std::size_t i, fiber_state& f) {
  if (f.phase == fiber_phase::ended) return hear_of_end(i);
  if (!is_local(f)) {
    ++out_;
    abroad_.emplace_back(*this, i, f);
    return abroad_.back().go();
  }
  place& p = places_[i];
  p.what = what;
  // One of several that may end first cannot close a circle.
  p.fiber = end_ == until::first ? nullptr : fiber;
  p.group = this;
  p.taken = [](queue_waiter& w) noexcept {
    auto& mine = static_cast<place&>(w);
    mine.group->hear_of_end(static_cast<std::size_t>(&mine - &mine.group->places_[0]));
  };
  f.end_waiters.push(p);
}

void group_wait::hear_of_end(std::size_t i) noexcept {
  --left_;
  const bool decides = end_ == until::first ||
                       (end_ == until::failure && target(i).get()->error != nullptr);
  if (decides && decided_by_ == count_) decided_by_ = i;
  if (!parked_ || !over()) return;
  // From now on the others' errors are no business of this wait.
  if (end_ == until::first) leave();
  parked_ = false;
  this_scheduler->unpark(*fiber);
}

void group_wait::hear_from_abroad(std::size_t i) noexcept {
  --out_;
  if (!closing_) return hear_of_end(i);
  if (out_ == 0) this_scheduler->unpark(*fiber);
}

void group_wait::leave() noexcept {
  parked_ = false;
  for (place& p : places_) {
    if (p.queue != nullptr) p.queue->remove(p);
  }
  for (place_abroad& p : abroad_)
    p.call_off();
}

}  // namespace motet::detail
