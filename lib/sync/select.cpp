// SPDX-License-Identifier: MIT
#include "lib/sync/channel_steps.hpp"

#include <motet/detail/select_case.hpp>
#include <motet/error.hpp>
#include <motet/time.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

namespace motet::detail {

namespace {

using case_list = std::span<select_case>;

/// The gates of all channels, each once. All who want several take them in this order, so
/// that no two wait for each other.
class all_gates {
 public:
  explicit all_gates(case_list cases) noexcept : cases_(cases) {
    each([](gate& g) { g.lock(); });
  }
  all_gates(const all_gates&) = delete;
  all_gates& operator=(const all_gates&) = delete;
  ~all_gates() {
    each([](gate& g) { g.unlock(); });
  }

 private:
  template <class F>
  void each(F f) noexcept {
    const channel_core* last = nullptr;
    for (const select_case& c : cases_) {
      if (c.by_address == nullptr || c.by_address == last) continue;
      last = c.by_address;
      f(c.by_address->guard);
    }
  }

  case_list cases_;
};

void sort_by_address(case_list cases) noexcept {
  for (select_case& c : cases)
    c.by_address = c.at;
  for (std::size_t i = 1; i < cases.size(); ++i) {
    for (std::size_t j = i;
         j > 0 && std::less<>()(cases[j].by_address, cases[j - 1].by_address); --j) {
      std::swap(cases[j].by_address, cases[j - 1].by_address);
    }
  }
}

/// The wait itself, and the time it may take.
class selection : public choice {
 public:
  selection(scheduler& s, case_list cases) noexcept : scheduler_(s), cases_(cases) {
    what = "one of several channels";
    where = cases.front().where;
    abort = &on_abort;
    fiber = &s.running();
    timer::expired = &on_expired;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (cases[i].kind != select_kind::after) continue;
      const duration span = std::max(cases[i].span, duration::zero());
      if (limit_ != none && span >= span_) continue;
      limit_ = i;
      span_ = span;
    }
    late_ = limit_ != none && span_ == duration::zero();
  }
  selection(const selection&) = delete;
  selection& operator=(const selection&) = delete;
  ~selection() {
    if (armed()) scheduler_.timers().remove(*this);
  }

  [[nodiscard]] bool is_late(std::size_t index) const noexcept {
    return late_ && index == limit_;
  }
  /// Whether the time has been started, if it is limited.
  [[nodiscard]] bool time_runs() const noexcept {
    return limit_ == none || late_ || armed();
  }
  void start_time() {
    deadline = add_saturated(scheduler_.time().not_before_now(), span_);
    scheduler_.timers().add(*this, timer_heap::rank::sleeper);
  }

  /// Stands in line at every channel. All gates are held.
  void stand_in_line() noexcept {
    chosen.store(open, std::memory_order_relaxed);
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      select_case& c = cases_[i];
      if (c.at == nullptr) continue;
      auto* const place = ::new (static_cast<void*>(c.room)) channel_place(
          scheduler_, c.at->guard, what, where, c.value, this, static_cast<int>(i));
      (c.kind == select_kind::send ? c.at->senders : c.at->receivers).push(*place);
    }
  }

  /// Parks; then leaves all lines. Throws if the wait was cut short.
  struct result {
    std::size_t index;
    step ended;
  };
  result wait();

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  static channel_place& place_of(select_case& c) noexcept {
    return *std::launder(reinterpret_cast<channel_place*>(c.room));
  }
  void leave_lines() noexcept;
  static void on_abort(waiter& how) noexcept;
  static void on_expired(timer& t) noexcept;

  scheduler& scheduler_;
  case_list cases_;
  std::size_t limit_ = none;  ///< The case that waits for the shortest time.
  duration span_{};
  bool late_ = false;  ///< That time is over.
};

static_assert(sizeof(channel_place) <= sizeof(select_case::room));
static_assert(alignof(channel_place) <= alignof(std::max_align_t));

void selection::on_abort(waiter& how) noexcept {
  auto& self = static_cast<selection&>(how);
  if (self.claim(cut_short)) return this_scheduler->unpark(*self.fiber);
  self.aborted = false;
  self.fiber->deadlocked = false;
}

void selection::on_expired(timer& t) noexcept {
  auto& self = static_cast<selection&>(t);
  self.late_ = true;
  if (self.claim(static_cast<int>(self.limit_))) this_scheduler->unpark(*self.fiber);
}

void selection::leave_lines() noexcept {
  for (select_case& c : cases_) {
    if (c.at == nullptr) continue;
    channel_place& place = place_of(c);
    // Out of line, its channel may be gone.
    if (place.queued.load(std::memory_order_acquire)) {
      const std::lock_guard held(place.guard);
      if (place.queue != nullptr) place.queue->remove(place);
    }
    place.~channel_place();
  }
}

MOTET_JUMPS_BACK selection::result selection::wait() {
  struct leaver {
    void operator()(selection* of) const noexcept { of->leave_lines(); }
  };
  const std::unique_ptr<selection, leaver> in_line(this);
  park(scheduler_, *this);
  const int which = chosen.load(std::memory_order_acquire);
  if (which == cut_short) return {0, step::wait};
  const auto index = static_cast<std::size_t>(which);
  if (index == limit_) return {index, step::done};
  channel_place& place = place_of(cases_[index]);
  if (place.error) std::rethrow_exception(std::move(place.error));
  return {index, place.ended};
}

/// Lets the first case happen that can. @returns which, and `done`, `closed` or `grow`;
/// or `wait`. All gates are held.
selection::result look(case_list cases, const selection& how, afterwards& after) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const select_case& c = cases[i];
    step found = step::wait;
    if (c.kind == select_kind::after) {
      if (how.is_late(i)) found = step::done;
    } else {
      found = c.kind == select_kind::send ? put(*c.at, c.value, after)
                                          : take(*c.at, c.value, after);
    }
    if (found != step::wait) return {i, found};
  }
  return {0, step::wait};
}

void grow(channel_core& at) {
  afterwards after;
  value_block* const fresh = at.values.make_block();
  const std::lock_guard held(at.guard);
  after.free(at.values.adopt(fresh));
}

[[noreturn]] void throw_closed(select_kind kind) {
  throw closed_error(kind == select_kind::send
                         ? "send to a channel that is closed"
                         : "receive from a channel that is closed and empty");
}

}  // namespace

MOTET_JUMPS_BACK std::size_t select_one(case_list cases) {
  scheduler& s = here("select");
  fiber_state& self = enter_point(s, cases.front().where);
  sort_by_address(cases);
  selection how(s, cases);
  for (;;) {
    selection::result found{};
    {
      afterwards after;
      const all_gates held(cases);
      found = look(cases, how, after);
      if (found.ended == step::wait && how.time_runs()) how.stand_in_line();
    }
    if (found.ended == step::wait) {
      if (!how.time_runs()) {
        how.start_time();  // which may allocate: look again
        continue;
      }
      found = how.wait();
    }
    switch (found.ended) {
      case step::done:
        return found.index;
      case step::closed:
        throw_closed(cases[found.index].kind);
      case step::grow:
        grow(*cases[found.index].at);
        break;
      case step::wait:
        check(self, how.where);
    }
  }
}

}  // namespace motet::detail
