// SPDX-License-Identifier: MIT
#include "lib/testing/conserved.hpp"

#include <motet/testing.hpp>

#include <algorithm>

namespace motet::testing {

namespace {

struct conserved {
  const char* one;
  const char* many;
  std::size_t (*count)() noexcept;
};
constexpr std::array<conserved, kinds_conserved> everything{{
    {"timer is armed", "timers are armed", &armed_timers},
    {"operation is in flight", "operations are in flight", &operations_in_flight},
    {"descriptor is open", "descriptors are open", &open_descriptors},
    {"message was never received nor dropped", "messages were never received nor dropped",
     &live_messages},
    {"stack is in use: there is a handle to its fiber",
     "stacks are in use: there are handles to their fibers", &stacks_in_use},
}};

}  // namespace

counts count_everything() noexcept {
  counts now{};
  std::transform(everything.begin(), everything.end(), now.begin(),
                 [](const conserved& kind) { return kind.count(); });
  return now;
}

std::vector<std::string> left_behind_since(const counts& before) {
  const counts after = count_everything();
  std::vector<std::string> found;
  for (std::size_t i = 0; i < everything.size(); ++i) {
    const std::size_t more = after[i] - std::min(after[i], before[i]);
    if (more == 0) continue;
    found.push_back(std::to_string(more) + ' ' +
                    (more == 1 ? everything[i].one : everything[i].many));
  }
  return found;
}

}  // namespace motet::testing
