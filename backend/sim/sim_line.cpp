// SPDX-License-Identifier: MIT
#include "backend/sim/sim_line.hpp"

#include <algorithm>
#include <utility>

namespace motet {

void sim_line::put(sim_parcel what, time_point when) {
  what.arrives = parcels_.empty() ? when : std::max(when, parcels_.back().arrives);
  bytes_ += what.bytes.size();
  parcels_.push_back(std::move(what));
}

sim_parcel sim_line::take() {
  sim_parcel first = std::move(parcels_.front());
  parcels_.pop_front();
  bytes_ -= first.bytes.size();
  return first;
}

void sim_line::clear() noexcept {
  parcels_.clear();
  bytes_ = 0;
}

}  // namespace motet
