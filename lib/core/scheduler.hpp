// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What runs the fibers of a thread: the run queue, the timers, the backend, and the turn
/// that joins them.
///
/// There is no scheduler fiber: who parks picks the next fiber and switches to it. If
/// none can run, it takes turns, on its own stack, until one can.

#include "backend/backend.hpp"
#include "backend/course.hpp"
#include "lib/context/context.hpp"
#include "lib/context/exception_state.hpp"
#include "lib/context/jump_back.hpp"
#include "lib/context/overflow.hpp"
#include "lib/context/sanitizers.hpp"
#include "lib/context/stack.hpp"
#include "lib/core/expect.hpp"
#include "lib/core/fiber_state.hpp"
#include "lib/core/forked.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/core/run_queue.hpp"
#include "lib/core/time_source.hpp"
#include "lib/core/timer_heap.hpp"
#include "lib/core/waiter.hpp"

#include <motet/fiber_ref.hpp>
#include <motet/time.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace motet::detail {

class scheduler;

// Initialised at compile time and never destroyed: an access is one load, without the
// wrapper that a dynamic thread_local costs on every use.
extern constinit thread_local scheduler* this_scheduler
    __attribute__((tls_model("initial-exec")));

/// Hears of points; for tests that cancel at each of them.
struct point_listener {
  void (*reached)(void* listener, fiber_state& at) noexcept = nullptr;
  /// A turn has been taken, and some fiber can run: none has since.
  void (*turned)(void* listener) noexcept = nullptr;
  void* listener = nullptr;
};

/// What the scheduler cannot know by itself. Set by lib/fiber.
struct scheduler_hooks {
  /// SIGINT or SIGTERM arrived; `count` in all.
  void (*on_signal)(scheduler&, int number, unsigned count) noexcept = nullptr;
  /// All fibers are parked and nothing can wake any. May unpark the main fiber.
  void (*on_deadlock)(scheduler&) noexcept = nullptr;
  /// The running fiber, at a point or the end of a block, has swallowed what
  /// `fiber_state::thrown` tells of.
  void (*on_swallowed)(scheduler&) noexcept = nullptr;
  /// The running fiber has overflowed its stack: says so. Async-signal-safe.
  overflow_describer on_overflow = nullptr;
  /// On a course, one fiber was preferred to another: tells.
  void (*on_preferred)(scheduler&, const fiber_state& to,
                       const fiber_state& chosen) noexcept = nullptr;
};

/// Same thread only, except `door()`.
class scheduler {
 public:
  /// Makes the calling thread this scheduler's, and what it runs its main fiber.
  scheduler(std::unique_ptr<backend> kernel, fiber_state& main, std::size_t stack_size,
            scheduler_hooks hooks);
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;
  ~scheduler();

  [[nodiscard]] fiber_state& running() noexcept { return *running_; }
  [[nodiscard]] fiber_state& main() noexcept { return main_; }
  /// How many exceptions are in flight on the running fiber.
  [[nodiscard]] unsigned uncaught() const noexcept { return live_exceptions_->uncaught; }

  /// Whether the running fiber is in a `catch`.
  [[nodiscard]] bool handling() const noexcept {
    return live_exceptions_->caught != nullptr;
  }
  void clear_errno() noexcept { *live_errno_ = 0; }
  void tell_of_swallowing() noexcept { hooks_.on_swallowed(*this); }

  /// Parks the running fiber until it is unparked. The one place that parks.
  [[gnu::always_inline]] inline void park(waiter& how) noexcept {
    start_waiting(how);
    continue_with(take_next());
  }
  /// The same, for a wait that `look` may find to be cut short from the start.
  [[gnu::always_inline]] inline void park(waiter& how,
                                          void (*look)(fiber_state&) noexcept) noexcept {
    start_waiting(how);
    if (how.fiber->attention) [[unlikely]] {
      look(*how.fiber);
    }
    continue_with(take_next());
  }

  /// Puts a parked fiber on the run queue.
  void unpark(fiber_state& fiber) noexcept {
    MOTET_EXPECT(fiber.phase == fiber_phase::parked);
    fiber.waiting = nullptr;
    enqueue(fiber);
  }

  /// Takes the first out of a queue and wakes whoever waits there.
  void wake_first(wait_queue& queue) noexcept {
    queue_waiter& w = *queue.first;
    queue.remove(w);
    if (w.taken != nullptr) {
      w.taken(w);
    } else {
      unpark(*w.fiber);
    }
  }

  /// The same with all that stand there.
  void wake_all(wait_queue& queue) noexcept {
    while (!queue.empty())
      wake_first(queue);
  }

  /// Puts a fiber that can run at the end of the run queue.
  void enqueue(fiber_state& fiber) noexcept {
    fiber.phase = fiber_phase::runnable;
    queue_.push(fiber, parked_stack_pointer(fiber.registers));
  }

  /// Lets all that can run now run first.
  [[gnu::always_inline]] inline void yield() noexcept {
    fiber_state& self = *running_;
    self.phase = fiber_phase::runnable;
    queue_.push(self, current_stack_pointer());
    continue_with(take_next());
  }

  /// Runs something else, for good: the running fiber's stack is done with. Its control
  /// block may be gone, so it hands over what sanitizers know.
  [[noreturn]] void leave(sanitizer_state own) noexcept;
  /// One fiber less that may want a place in the run queue.
  void fiber_gone() noexcept { --live_; }

  /// Lets all others run until they are parked, without waiting for anything.
  void settle() noexcept;

  /// To be said by points that did not park: after so many in a row others get a turn.
  void spend() noexcept {
    if (++spent_ >= points_per_run) [[unlikely]] {
      let_others_run();
    }
  }

  /// The same for a short way: counts. False: the long way is to say `spend`, which lets
  /// others run.
  [[nodiscard, gnu::always_inline]] inline bool spends() noexcept {
    return ++spent_ < points_per_run;
  }

  /// The running fiber's next point looks, and a turn is taken before any other fiber
  /// runs. Async-signal-safe.
  void look_soon() noexcept {
    running_->attention = true;
    slice_left_ = 0;
  }

  /// A turn is taken when the running fiber gives up the thread.
  void take_turn_soon() noexcept { slice_left_ = 0; }

  /// A stack for a fiber; `extra` is what its body takes of it. Makes room for the fiber
  /// in the run queue.
  [[nodiscard]] stack_span take_stack(std::size_t size, std::size_t extra) {
    refuse_in_child("spin");
    queue_.reserve(live_ + 2);
    clear_corpse();
    const bool usual = size == 0 && extra < stacks_.usable_size() / 8;
    const stack_span stack = usual ? stacks_.take() : take_odd_stack(size, extra);
    ++live_;
    return stack;
  }
  /// The running fiber's stack is free as soon as something else runs.
  void bury(const fiber_state& fiber) noexcept;
  /// A stack that nothing runs on is free.
  void give_back(stack_span stack) noexcept {
    if (stack.size() == stacks_.usable_size()) return stacks_.give_back(stack);
    give_back_odd(stack);
  }

  /// Fibers to be told that they were asked to stop: some per turn, so that thousands
  /// of them do not hold up everybody else.
  void add_to_disturb(fiber_state& fiber) noexcept;
  /// One that ends has nothing to be told any more.
  void forget_to_disturb(fiber_state& fiber) noexcept;
  /// Tells those whose turn it is.
  void disturb_some() noexcept;

  /// Others than fibers are to be told, by callbacks that may do anything but wait.
  void add_stop(std::stop_source source);
  /// Runs them, unless this is the middle of something: then the next turn does.
  void run_stop_callbacks() noexcept {
    if (stops_.empty() || busy_ || running_->phase != fiber_phase::running) return;
    request_stops();
  }

  /// From now on, which fiber runs next is decided there. It outlives the scheduler.
  void take_course(course& how) noexcept {
    course_ = &how;
    slice_left_ = 0;
  }
  /// Null: nothing is up to chance.
  [[nodiscard]] course* chance() const noexcept { return course_; }

  /// Hears of every point that is reached, before it looks. Attention stays on meanwhile.
  point_listener on_point;
  /// How many stacks are not free, though their fiber may have ended.
  [[nodiscard]] std::size_t stacks_in_use() const noexcept;

  /// A second signal came: nobody gets any more grace.
  bool graces_over = false;
  /// Who waited for what when nothing could wake anybody.
  std::string deadlock_report;

  [[nodiscard]] timer_heap& timers() noexcept { return timers_; }
  [[nodiscard]] time_source& time() noexcept { return time_; }
  [[nodiscard]] backend& kernel() noexcept { return *kernel_; }
  [[nodiscard]] remote_queue& door() noexcept { return *door_; }
  [[nodiscard]] std::uint64_t next_id() noexcept { return next_id_++; }
  /// Whether the fiber is one of this scheduler's, not of an earlier one on this thread.
  [[nodiscard]] bool spun(const fiber_state& fiber) const noexcept {
    return fiber.id >> id_bits == next_id_ >> id_bits;
  }

  /// Fires what is due. Points that compute without parking do this themselves.
  void expire_timers() noexcept {
    if (timers_.empty()) return;
    expire_until(time_.correct());
    run_stop_callbacks();
  }

  /// Somebody outside of this scheduler's sight will wake a fiber: nothing is deadlocked
  /// meanwhile, and simulated time does not jump.
  void expect_wake() noexcept {
    if (expected_wakes_++ == 0) kernel_->expect_wakes(true);
  }
  void wake_came() noexcept {
    MOTET_EXPECT(expected_wakes_ != 0);
    if (--expected_wakes_ == 0) kernel_->expect_wakes(false);
  }

 private:
  /// Of an id, those that count the fibers of a scheduler; above them, the scheduler's.
  static constexpr unsigned id_bits = 40;
  /// How many fibers run between two turns, if so many can. A poll brings some forty
  /// completions: fewer fibers would let those pile up that nobody has answered.
  static constexpr int slice = 256;
  static constexpr int disturbed_per_turn = 64;
  static constexpr int points_per_run = 128;

  [[gnu::always_inline]] inline void start_waiting(waiter& how) noexcept {
    fiber_state& self = *running_;
    how.since = time_.of_turn();
    how.fiber = &self;
    self.waiting = &how;
    self.phase = fiber_phase::parked;
  }

  [[nodiscard, gnu::always_inline]] inline fiber_state& take_next() noexcept {
    if (--slice_left_ > 0 && !queue_.empty()) [[likely]] {
      return *queue_.pop();
    }
    return turn();
  }

  [[gnu::always_inline]] inline void continue_with(fiber_state& next) noexcept {
    next.phase = fiber_phase::running;
    spent_ = 0;
    if (&next != running_) switch_to(next);
  }

  [[gnu::always_inline]] inline void switch_to(fiber_state& next) noexcept {
    fiber_state& self = *running_;
    self.exceptions = *live_exceptions_;
    self.saved_errno = *live_errno_;
    *live_exceptions_ = next.exceptions;
    running_ = &next;
    sanitizer_before_switch(self.sanitizer, next.sanitizer, false);
    switch_context(self.registers, next.registers);
    sanitizer_after_switch(self.sanitizer);
    *live_errno_ = self.saved_errno;
  }

  [[gnu::noinline]] fiber_state& turn() noexcept;
  [[nodiscard]] fiber_state& choose_next() noexcept;
  [[gnu::noinline]] void let_others_run() noexcept;
  void wait() noexcept;
  void poll(time_point until) noexcept;
  operation* poll_among_others(time_point until) noexcept;
  void run_remote() noexcept;
  void request_stops() noexcept;
  void expire_until(time_point now) noexcept;
  [[nodiscard]] bool stuck() noexcept;
  [[nodiscard]] stack_pool& pool_for(std::size_t size);
  [[nodiscard]] stack_span take_odd_stack(std::size_t size, std::size_t extra);
  void give_back_odd(stack_span stack) noexcept;
  void clear_corpse() noexcept {
    if (!corpse_.stack) return;
    sanitizer_destroy(corpse_.sanitizer);
    give_back(corpse_.stack);
    corpse_.stack = {};
  }
  void trim_when_idle() noexcept;

  fiber_state* running_;
  exception_state* live_exceptions_;
  int* live_errno_;
  int slice_left_ = slice;  ///< A turn is taken when none is; on a course, always.
  int spent_ = 0;
  run_queue queue_;
  timer_heap timers_;
  std::unique_ptr<backend> kernel_;
  const bool among_others_;  ///< Polling runs callbacks that are none of ours.
  time_source time_;
  remote_queue* door_;
  fiber_state& main_;
  scheduler_hooks hooks_;
  struct {
    fiber_state* first = nullptr;
    fiber_state* last = nullptr;
    int left = disturbed_per_turn;  ///< How many more may be told in this turn.
  } to_disturb_;
  sure_vector<std::stop_source> stops_;
  bool busy_ = false;  ///< Runs what timers or other threads have brought.
  std::size_t live_ = 0;
  std::size_t settling_ = 0;
  std::size_t expected_wakes_ = 0;
  course* course_ = nullptr;
  std::uint64_t next_id_;
  struct {
    stack_span stack;
    [[no_unique_address]] sanitizer_state sanitizer;
  } corpse_;
  time_point trim_at_ = time_point::max();
  stack_pool stacks_;
  std::vector<std::unique_ptr<stack_pool>> odd_stacks_;
  alternate_stack signal_stack_;
};

/// Whether the fiber belongs to the scheduler of this thread.
[[nodiscard]] inline bool is_local(const fiber_state& fiber) noexcept {
  return this_scheduler != nullptr && fiber.door == &this_scheduler->door();
}

[[noreturn]] void throw_outside(const char* what);

/// Asks the kernel of this thread's scheduler, or the system itself outside of one.
std::int32_t ask_kernel(const call& question) noexcept;

/// The scheduler of this thread, for `what` was called.
/// @throws structure_error outside of fibers.
[[nodiscard]] inline scheduler& here(const char* what) {
  if (this_scheduler == nullptr) [[unlikely]] {
    throw_outside(what);
  }
  return *this_scheduler;
}

}  // namespace motet::detail
