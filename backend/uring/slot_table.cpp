// SPDX-License-Identifier: MIT
#include "backend/uring/slot_table.hpp"

#include "backend/uring/fatal.hpp"

#include <algorithm>

namespace motet {
namespace {

constexpr std::size_t fewest = 256;
constexpr std::size_t most = std::size_t{1} << 24;

}  // namespace

slot_table::slot& slot_table::take(operation& op) {
  if (free_.empty()) grow();
  op.slot = free_.back();
  free_.pop_back();
  slot& taken = slots_[op.slot];
  taken = {&op, taken.generation};
  return taken;
}

void slot_table::grow() {
  const std::size_t before = slots_.size();
  const std::size_t after = std::min(std::max(before * 2, fewest), most);
  if (after == before) fatal("more than 16 million operations in flight");
  free_.reserve(after);
  slots_.resize(after);
  for (std::size_t index = after; index > before; --index)
    free_.push_back(static_cast<std::uint32_t>(index - 1));
}

}  // namespace motet
