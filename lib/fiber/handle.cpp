// SPDX-License-Identifier: MIT
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/fiber.hpp>
#include <motet/fiber_ref.hpp>

#include <atomic>
#include <utility>

namespace motet {

namespace detail {

void fiber_state::let_go() noexcept {
  drop_reference(root.request);
  drop_reference(reason);
  if (!extras) return;
  for (known_error& known : extras->known)
    drop_reference(known.why);
  extras.reset();
}

std::string name_of(const fiber_state& fiber) {
  if (fiber.extras && !fiber.extras->name.empty()) return fiber.extras->name;
  if (fiber.is_main()) return "main";
  // While the callable lives, which is its own thread's business.
  if (fiber.operations->name != nullptr && is_local(fiber) && !fiber.ending) {
    std::string name = fiber.operations->name(fiber.body);
    if (!name.empty()) return name;
  }
  return "fiber " + std::to_string(fiber.id & 0xff'ffff'ffffU);
}

void add_reference(fiber_state& fiber) noexcept {
  count_one(fiber);
}

namespace {

/// Destroys what is left of an ended fiber that nobody looks at any more.
void destroy(fiber_state& fiber) noexcept {
  if (fiber.operations != nullptr) fiber.destroy_result();
  sanitizer_destroy(fiber.sanitizer);
  fiber.~fiber_state();
}

/// The same in a fiber, which may be asked to stop: no destructor gets to see that.
[[gnu::noinline]] void destroy_shielded(scheduler& s, fiber_state& fiber) noexcept {
  scope_chain& chain = s.running().chain;
  cancel_scope* const wall = std::exchange(chain.wall, chain.innermost);
  destroy(fiber);
  chain.wall = wall;
}

inline void reclaim_here(scheduler& s, fiber_state& fiber) noexcept {
  const stack_span stack = fiber.stack;
  if (fiber.operations->destroy_result != nullptr || fiber.owns_anything()) {
    destroy_shielded(s, fiber);
  } else {  // nothing to destroy
    sanitizer_destroy(fiber.sanitizer);
  }
  s.give_back(stack);
}

void reclaim_anywhere(fiber_state& fiber) noexcept {
  const stack_span stack = fiber.stack;
  destroy(fiber);
  give_back_to_reserve(stack);
}

/// Results are destroyed on the fiber's own thread while that has a scheduler.
void reclaim_there(fiber_state& fiber) noexcept {
  struct task : remote_task {
    fiber_state& gone;
    static void* operator new(std::size_t size) { return allocate_surely(size); }
    static void operator delete(void* block) noexcept { free_surely(block); }
    explicit task(fiber_state& f) : gone(f) {
      run = [](remote_task& self) noexcept {
        auto& mine = static_cast<task&>(self);
        reclaim_anywhere(mine.gone);
        delete &mine;
      };
    }
  };
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): its own, which does not throw
  auto* const posted = new task(fiber);
  if (fiber.door->post(*posted)) return;
  delete posted;
  reclaim_anywhere(fiber);
}

[[gnu::noinline]] void reclaim_otherwise(fiber_state& fiber) noexcept {
  if (fiber.is_main()) {
    delete &fiber;
  } else if (is_local(fiber)) {  // of an earlier scheduler that had the same door
    reclaim_anywhere(fiber);
  } else {
    reclaim_there(fiber);
  }
}

inline void reclaim(fiber_state& fiber) noexcept {
  scheduler* const s = this_scheduler;
  if (s != nullptr && s->spun(fiber) && !fiber.is_main()) [[likely]] {
    reclaim_here(*s, fiber);
  } else {
    reclaim_otherwise(fiber);
  }
}

}  // namespace

namespace {

[[gnu::noinline]] void drop_one_of_several(fiber_state& fiber) noexcept {
  // Read now: once ours is dropped, another thread may drop the last. A restartable fiber
  // of this thread cannot vanish, its runtime's reference is dropped here.
  const bool may_lie_dormant = is_local(fiber) && fiber.restartable;
  if (drop_one(fiber)) {
    reclaim(fiber);
  } else if (may_lie_dormant && fiber.phase == fiber_phase::ended &&
             fiber.references.load(std::memory_order_acquire) == 1) {
    dispose(*this_scheduler, fiber);  // only its parent knows it, and cannot restart it
  }
}

}  // namespace

void drop_reference(fiber_state& fiber) noexcept {
  // One reference seen is ours: nobody else can make another from it.
  if (fiber.references.load(std::memory_order_acquire) == 1) return reclaim(fiber);
  drop_one_of_several(fiber);
}

}  // namespace detail

using detail::fiber_state;

bool fiber_ref::done() const noexcept {
  return get() == nullptr || get()->phase == fiber_phase::ended;
}

fiber_phase fiber_ref::state() const noexcept {
  return get() == nullptr ? fiber_phase::ended : get()->phase;
}

std::string fiber_ref::name() const {
  return get() == nullptr ? "none" : name_of(*get());
}

std::uint64_t fiber_ref::id() const noexcept {
  return get() == nullptr ? 0 : get()->id;
}

bool fiber_ref::cancel_requested() const noexcept {
  const fiber_state* const fiber = get();
  return fiber != nullptr && fiber->requested;
}

std::vector<fiber_ref> fiber_ref::children() const {
  std::vector<fiber_ref> all;
  if (done()) return all;
  for (auto* f = detail::first_child(*get()); f != nullptr; f = detail::next_child(*f)) {
    if (f->phase != fiber_phase::ended) all.emplace_back(detail::fiber_handle(f));
  }
  return all;
}

fiber_ref fiber_ref::parent() const {
  if (get() == nullptr || get()->root.parent == nullptr) return {};
  return fiber_ref(detail::fiber_handle(get()->root.parent->fiber));
}

}  // namespace motet
