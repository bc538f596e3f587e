// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// All deadlines of a scheduler, soonest first.
///
/// A heap of four children a node. Putting a deadline off only writes it into its timer:
/// the entry is corrected when it comes up early, so that a timeout that is reset per
/// message costs a store per message. Removing one only marks its entry: the marked ones
/// go when they are half of all. What was added last waits beside the heap until somebody
/// asks what is due: most timeouts are gone before that.

#include <motet/detail/cancel_scope.hpp>
#include <motet/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace motet::detail {

class timer_heap {
 public:
  /// Sleepers come after scopes with the same deadline.
  enum class rank : std::uint8_t { scope, sleeper };

  /// @throws std::bad_alloc; then nothing has changed.
  void add(timer& t, rank r) {
    if (fresh_count_ == fresh_limit_) [[unlikely]] {
      make_room();
    }
    t.order = next_order(r);
    put_fresh(fresh_count_++, t);
  }

  void remove(timer& t) noexcept {
    const std::size_t at = t.position;
    t.position = timer::not_armed;
    if (at >= first_fresh) {
      timer& last_fresh = *fresh_[--fresh_count_];
      if (&last_fresh != &t) put_fresh(at - first_fresh, last_fresh);
      return;
    }
    // Filling the gap would move entries, and touch a timer on another stack for each.
    entries_[at].owner = nullptr;
    if (++gone_ > entries_.size() / 2) sweep();
  }

  /// Moves an armed timer. Never allocates.
  void move(timer& t, time_point deadline, rank r) noexcept {
    const bool later = deadline >= t.deadline;
    t.deadline = deadline;
    t.order = next_order(r);
    if (!later && t.position < first_fresh) correct(t.position);
  }

  /// The soonest deadline; `time_point::max()` if there is none.
  [[nodiscard]] time_point next() noexcept;

  /// Takes out the first timer due at `now`; null if none is.
  [[nodiscard]] timer* take_due(time_point now) noexcept;

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept {
    return entries_.size() - gone_ + fresh_count_;
  }

 private:
  /// Positions from here on are of timers that are not in the heap yet.
  static constexpr std::uint32_t first_fresh = UINT32_MAX / 2;

  struct entry {
    time_point deadline;
    std::uint64_t order;
    timer* owner;  ///< Null: it was removed.
  };

  static bool before(const entry& a, const entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  }
  std::uint64_t next_order(rank r) noexcept {
    return ++sequence_ | (r == rank::sleeper ? std::uint64_t{1} << 63 : 0);
  }
  void put_fresh(std::size_t at, timer& t) noexcept {
    fresh_[at] = &t;
    t.position = first_fresh + static_cast<std::uint32_t>(at);
  }
  void place(std::size_t at, const entry& e) noexcept {
    entries_[at] = e;
    if (e.owner != nullptr) e.owner->position = static_cast<std::uint32_t>(at);
  }
  void up(std::size_t at, entry e) noexcept {
    while (at > 0) {
      const std::size_t above = (at - 1) / 4;
      if (!before(e, entries_[above])) break;
      place(at, entries_[above]);
      at = above;
    }
    place(at, e);
  }
  void down(std::size_t at, entry e) noexcept;
  void refill(std::size_t at, entry e) noexcept;
  void make_room();
  /// Puts into the heap what waits beside it.
  void sort_in() noexcept;
  /// Brings the entry at `at` in line with its timer.
  void correct(std::size_t at) noexcept;
  /// Corrects the first entry, or takes it out, until it tells the truth.
  void settle_first() noexcept;
  void take_first() noexcept;
  /// Takes out the entries of timers that were removed.
  void sweep() noexcept;

  std::vector<entry> entries_;
  std::size_t gone_ = 0;  ///< How many of them are of timers that were removed.
  std::array<timer*, 16> fresh_;
  std::size_t fresh_count_ = 0;
  /// How many there is room for in the heap: sorting in is not to fail.
  std::size_t fresh_limit_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace motet::detail
