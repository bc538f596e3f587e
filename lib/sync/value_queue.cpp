// SPDX-License-Identifier: MIT
#include "lib/sync/value_queue.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace motet::detail {

namespace {

std::align_val_t alignment_of(const value_kind& kind) noexcept {
  return std::align_val_t{std::max(kind.alignment, alignof(value_block))};
}

}  // namespace

value_queue::~value_queue() {
  while (size_ != 0)
    free_block(pop());
  free_block(first_);
  free_block(spare_);
}

value_block* value_queue::make_block() const {
  void* const room =
      ::operator new(first_offset() + per_block_ * kind_->size, alignment_of(*kind_));
  return ::new (room) value_block{.kind = kind_};
}

void free_block(value_block* block) noexcept {
  if (block != nullptr) ::operator delete(block, alignment_of(*block->kind));
}

}  // namespace motet::detail
