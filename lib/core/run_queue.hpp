// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The FIFO of fibers that could run now.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace motet::detail {

struct fiber_state;

/// A dense ring. With thousands of fibers the cost of a switch is cache misses, so that
/// the next few fibers' lines are fetched while others still run.
class run_queue {
 public:
  struct entry {
    fiber_state* fiber;
    const void* stack;  ///< Near where its registers will be restored from.
  };

  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }

  /// Makes room for `count` fibers at once, so that `push` never allocates.
  void reserve(std::size_t count) {
    if (count > capacity_) [[unlikely]] {
      grow(count);
    }
  }

  void push(fiber_state& fiber, const void* stack) noexcept {
    entries_[tail_++ & (capacity_ - 1)] = {&fiber, stack};
  }

  [[nodiscard]] fiber_state& front() const noexcept {
    return *entries_[head_ & (capacity_ - 1)].fiber;
  }

  /// Takes out the one that stands at `place`, 0 being the next; the next stands there
  /// then.
  [[nodiscard]] fiber_state* take(std::size_t place) noexcept {
    std::swap(entries_[head_ & (capacity_ - 1)],
              entries_[(head_ + place) & (capacity_ - 1)]);
    return pop();
  }

  [[nodiscard]] fiber_state* pop() noexcept {
    if (tail_ - head_ > ahead) fetch(entries_[(head_ + ahead) & (capacity_ - 1)]);
    return entries_[head_++ & (capacity_ - 1)].fiber;
  }

 private:
  static constexpr std::size_t ahead = 6;

  static void fetch(const entry& soon) noexcept {
    constexpr std::uintptr_t line = 64;
    const auto stack = reinterpret_cast<std::uintptr_t>(soon.stack);
    const auto block = reinterpret_cast<std::uintptr_t>(soon.fiber);
    __builtin_prefetch(soon.fiber, 1);
    __builtin_prefetch(reinterpret_cast<const void*>(block - line));  // what it captures
    __builtin_prefetch(soon.stack, 1);
    __builtin_prefetch(reinterpret_cast<const void*>(stack + line), 1);
  }

  [[gnu::noinline]] void grow(std::size_t count) {
    std::size_t capacity = capacity_ == 0 ? 64 : capacity_;
    while (capacity < count)
      capacity *= 2;
    auto entries = std::make_unique<entry[]>(capacity);
    const std::size_t used = size();
    for (std::size_t i = 0; i < used; ++i) {
      entries[i] = entries_[(head_ + i) & (capacity_ - 1)];
    }
    entries_ = std::move(entries);
    capacity_ = capacity;
    head_ = 0;
    tail_ = used;
  }

  std::unique_ptr<entry[]> entries_;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace motet::detail
