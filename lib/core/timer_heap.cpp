// SPDX-License-Identifier: MIT
#include "lib/core/timer_heap.hpp"

#include <algorithm>
#include <new>

namespace motet::detail {

void timer_heap::down(std::size_t at, entry e) noexcept {
  const std::size_t size = entries_.size();
  for (;;) {
    const std::size_t first = at * 4 + 1;
    if (first >= size) break;
    std::size_t least = first;
    const std::size_t end = std::min(first + 4, size);
    for (std::size_t i = first + 1; i < end; ++i) {
      if (before(entries_[i], entries_[least])) least = i;
    }
    if (!before(entries_[least], e)) break;
    place(at, entries_[least]);
    at = least;
  }
  place(at, e);
}

void timer_heap::make_room() {
  sort_in();
  if (fresh_limit_ != 0) return;
  try {
    entries_.reserve(2 * entries_.size() + 4 * fresh_.size());
    fresh_limit_ = fresh_.size();
  } catch (const std::bad_alloc&) {
    // The room there is lets in whoever comes in place of another.
    sweep();
    fresh_limit_ = entries_.capacity() - entries_.size();
    if (fresh_limit_ == 0) throw;
  }
}

void timer_heap::sort_in() noexcept {
  for (std::size_t i = 0; i < fresh_count_; ++i) {
    timer& t = *fresh_[i];
    entries_.emplace_back();
    up(entries_.size() - 1, {t.deadline, t.order, &t});
  }
  fresh_count_ = 0;
  const bool room = entries_.capacity() - entries_.size() >= fresh_.size();
  fresh_limit_ = room ? fresh_.size() : 0;
}

void timer_heap::correct(std::size_t at) noexcept {
  timer& t = *entries_[at].owner;
  refill(at, {t.deadline, t.order, &t});
}

void timer_heap::refill(std::size_t at, entry e) noexcept {
  if (at > 0 && before(e, entries_[(at - 1) / 4])) {
    up(at, e);
  } else {
    down(at, e);
  }
}

void timer_heap::settle_first() noexcept {
  while (!entries_.empty()) {
    const entry& first = entries_.front();
    if (first.owner == nullptr) {
      --gone_;
      take_first();
    } else if (first.order != first.owner->order) {
      correct(0);
    } else {
      break;
    }
  }
}

void timer_heap::take_first() noexcept {
  const entry last = entries_.back();
  entries_.pop_back();
  // The last entry fills the gap as it stands; it may be stale and is corrected in time.
  if (!entries_.empty()) down(0, last);
}

void timer_heap::sweep() noexcept {
  std::erase_if(entries_, [](const entry& e) { return e.owner == nullptr; });
  gone_ = 0;
  for (std::size_t at = entries_.size(); at-- > 0;)
    down(at, entries_[at]);
}

time_point timer_heap::next() noexcept {
  sort_in();
  settle_first();
  return entries_.empty() ? time_point::max() : entries_.front().deadline;
}

timer* timer_heap::take_due(time_point now) noexcept {
  sort_in();
  if (entries_.empty() || entries_.front().deadline > now) return nullptr;
  settle_first();
  if (entries_.empty() || entries_.front().deadline > now) return nullptr;
  timer* const due = entries_.front().owner;
  due->position = timer::not_armed;
  take_first();
  return due;
}

}  // namespace motet::detail
