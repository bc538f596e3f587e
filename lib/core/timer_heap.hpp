// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// All deadlines of a scheduler, soonest first.
///
/// A heap of four children a node. Putting a deadline off only writes it into its timer:
/// the entry is corrected when it comes up early, so that a timeout that is reset per
/// message costs a store per message.

#include <motet/detail/cancel_scope.hpp>
#include <motet/time.hpp>

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
    entries_.emplace_back();
    t.order = next_order(r);
    up(entries_.size() - 1, {t.deadline, t.order, &t});
  }

  void remove(timer& t) noexcept {
    const std::size_t at = t.position;
    t.position = timer::not_armed;
    const entry last = entries_.back();
    entries_.pop_back();
    // The last entry fills the gap as it stands; it may be stale and is corrected in
    // time.
    if (at != entries_.size()) refill(at, last);
  }

  /// Moves an armed timer. Never allocates.
  void move(timer& t, time_point deadline, rank r) noexcept {
    const bool later = deadline >= t.deadline;
    t.deadline = deadline;
    t.order = next_order(r);
    if (!later) correct(t.position);
  }

  /// The soonest deadline; `time_point::max()` if there is none.
  [[nodiscard]] time_point next() noexcept;

  /// Takes out the first timer due at `now`; null if none is.
  [[nodiscard]] timer* take_due(time_point now) noexcept;

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct entry {
    time_point deadline;
    std::uint64_t order;
    timer* owner;
  };

  static bool before(const entry& a, const entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  }
  std::uint64_t next_order(rank r) noexcept {
    return ++sequence_ | (r == rank::sleeper ? std::uint64_t{1} << 63 : 0);
  }
  void place(std::size_t at, const entry& e) noexcept {
    entries_[at] = e;
    e.owner->position = static_cast<std::uint32_t>(at);
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
  /// Brings the entry at `at` in line with its timer.
  void correct(std::size_t at) noexcept;
  /// Corrects the first entry until it tells the truth.
  void settle_first() noexcept;

  std::vector<entry> entries_;
  std::uint64_t sequence_ = 0;
};

}  // namespace motet::detail
