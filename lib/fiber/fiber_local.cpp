// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"
#include "lib/fiber/life.hpp"

#include <motet/fiber_local.hpp>

#include <atomic>
#include <utility>

namespace motet::detail {

std::uint64_t next_local_key() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed);
}

void* find_local(std::uint64_t key) {
  const fiber_state& self = here("fiber_local").running();
  if (!self.extras) return nullptr;
  for (const local_value& local : self.extras->locals) {  // few
    if (local.key == key) return local.value;
  }
  return nullptr;
}

void add_local(std::uint64_t key, void* value, void (*destroy)(void*) noexcept) {
  this_scheduler->running().more().locals.push_back({key, value, destroy});
}

void destroy_locals(fiber_state& self) noexcept {
  if (!self.extras || self.extras->locals.empty()) return;
  cancel_scope* const wall = std::exchange(self.chain.wall, self.chain.innermost);
  auto& locals = self.extras->locals;
  while (!locals.empty()) {  // a destructor may ask for others
    const local_value youngest = locals.back();
    locals.pop_back();
    youngest.destroy(youngest.value);
  }
  self.chain.wall = wall;
}

}  // namespace motet::detail
