// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The steps of a value_queue that are taken behind a gate: they do not allocate.

#include "lib/core/expect.hpp"

#include <motet/detail/value_queue.hpp>

namespace motet::detail {

/// Its values lie behind it. All blocks but the last are used to their end.
struct value_block {
  const value_kind* kind;
  value_block* next = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

void free_block(value_block* block) noexcept;

inline std::size_t value_queue::first_offset() const noexcept {
  return (sizeof(value_block) + kind_->alignment - 1) / kind_->alignment *
         kind_->alignment;
}

inline void* value_queue::at(value_block& block, std::size_t index) const noexcept {
  return reinterpret_cast<std::byte*>(&block) + first_offset() + index * kind_->size;
}

inline bool value_queue::has_room() const noexcept {
  return spare_ != nullptr || (last_ != nullptr && last_->end < per_block_);
}

inline bool value_queue::has_room_after_pop() const noexcept {
  return has_room() || first_->end - first_->begin == 1;
}

inline void value_queue::push(void* from) {
  MOTET_EXPECT(has_room());
  value_block* const last = last_;
  if (last != nullptr && last->end < per_block_) [[likely]] {
    kind_->move(at(*last, last->end), from);
    ++last->end;
  } else {
    value_block& fresh = *spare_;
    kind_->move(at(fresh, 0), from);
    spare_ = nullptr;
    fresh.end = 1;
    (last != nullptr ? last->next : first_) = &fresh;
    last_ = &fresh;
  }
  ++size_;
}

inline void* value_queue::front() noexcept {
  return at(*first_, first_->begin);
}

inline value_block* value_queue::pop() noexcept {
  value_block& block = *first_;
  kind_->destroy(at(block, block.begin));
  --size_;
  if (++block.begin != block.end) return nullptr;
  block.begin = block.end = 0;
  if (&block == last_) return nullptr;
  first_ = block.next;
  block.next = nullptr;
  return adopt(&block);
}

inline value_block* value_queue::adopt(value_block* block) noexcept {
  if (spare_ != nullptr) return block;
  spare_ = block;
  return nullptr;
}

}  // namespace motet::detail
