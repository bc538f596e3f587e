// SPDX-License-Identifier: MIT
#include "lib/core/scheduler.hpp"

#include "backend/posix/calls.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/leftovers.hpp"

#include <motet/error.hpp>

#include <algorithm>
#include <bit>
#include <mutex>
#include <string>
#include <utility>

namespace motet::detail {

constinit thread_local scheduler* this_scheduler = nullptr;

namespace {

/// Doors of schedulers that have ended wait here for the next one.
struct door_keeper {
  std::mutex mutex;
  std::vector<remote_queue*> free;
  std::uint64_t opened = 0;
};

door_keeper& doors() {
  static auto* const keeper = new door_keeper;  // outlives every thread
  return *keeper;
}

remote_queue* open_door(backend& kernel) {
  door_keeper& keeper = doors();
  const std::lock_guard lock(keeper.mutex);
  ++keeper.opened;
  remote_queue* door = nullptr;
  if (keeper.free.empty()) {
    door = new remote_queue;
  } else {
    door = keeper.free.back();
    keeper.free.pop_back();
  }
  door->open(kernel);
  return door;
}

void close_door(remote_queue& door) {
  door_keeper& keeper = doors();
  const std::lock_guard lock(keeper.mutex);
  keeper.free.push_back(&door);
}

/// Ids of different schedulers never meet: each has room for 2^40 fibers.
std::uint64_t first_id(unsigned bits) {
  door_keeper& keeper = doors();
  const std::lock_guard lock(keeper.mutex);
  return keeper.opened << bits;
}

}  // namespace

scheduler::scheduler(std::unique_ptr<backend> kernel, fiber_state& main,
                     std::size_t stack_size, scheduler_hooks hooks)
    : running_(&main),
      live_exceptions_(live_exception_state()),
      live_errno_(&errno),
      kernel_(std::move(kernel)),
      among_others_(kernel_->calls_others()),
      time_(*kernel_),
      door_(open_door(*kernel_)),
      main_(main),
      hooks_(hooks),
      next_id_(first_id(id_bits)),
      stacks_(stack_size) {
  add_running_scheduler();
  install_overflow_handler(hooks.on_overflow);
  queue_.reserve(1);
  main.door = door_;
  main.id = next_id();
  main.phase = fiber_phase::running;
  sanitizer_adopt_thread(main.sanitizer);
  this_scheduler = this;
}

scheduler::~scheduler() {
  this_scheduler = nullptr;
  remove_running_scheduler();
  door_->close();
  run_remote();  // for fibers that have ended: frees itself
  door_->forget_signals();
  close_door(*door_);
  clear_corpse();
  left_over.fibers += live_;
  left_over.timers += timers_.size();
  left_over.operations += kernel_->in_flight();
  left_over.descriptors += kernel_->open_descriptors();
}

void scheduler::leave(sanitizer_state own) noexcept {
  fiber_state* chosen = nullptr;
  if (--slice_left_ > 0 && !queue_.empty()) [[likely]] {
    chosen = queue_.pop();
  } else {
    // While turns are taken on this stack, nobody is to look at a fiber that is gone.
    running_ = &main_;
    *live_exceptions_ = main_.exceptions;
    chosen = &turn();
  }
  fiber_state& next = *chosen;
  next.phase = fiber_phase::running;
  spent_ = 0;
  *live_exceptions_ = next.exceptions;
  running_ = &next;
  context gone{};
  sanitizer_before_switch(own, next.sanitizer, true);
  switch_context(gone, next.registers);
  __builtin_unreachable();
}

fiber_state& scheduler::turn() noexcept {
  if (in_forked_child) [[unlikely]] {
    const bool waits = running_->phase == fiber_phase::parked;
    die_in_child(waits ? running_->waiting->what : "the end of a fiber");
  }
  do {
    if (queue_.empty() && stuck()) hooks_.on_deadlock(*this);
    if (queue_.empty() && to_disturb_.first == nullptr && stops_.empty()) {
      wait();
    } else {
      poll(time_point::min());
    }
    run_remote();
    expire_until(time_.correct());
    to_disturb_.left = disturbed_per_turn;
    disturb_some();
    if (!stops_.empty()) request_stops();
  } while (queue_.empty());
  slice_left_ = slice;
  if (on_point.turned != nullptr) [[unlikely]] {
    on_point.turned(on_point.listener);
  }
  if (course_ != nullptr) [[unlikely]] {
    return choose_next();
  }
  return *queue_.pop();
}

fiber_state& scheduler::choose_next() noexcept {
  slice_left_ = 0;
  const fiber_state& usual = queue_.front();
  const std::size_t place = course_->decide(decision::fiber, queue_.size());
  fiber_state& next = *queue_.take(place);
  course_->note(next.id & ((std::uint64_t{1} << id_bits) - 1));
  if (course_->wants_to_hear(place)) hooks_.on_preferred(*this, usual, next);
  return next;
}

void scheduler::wait() noexcept {
  trim_when_idle();
  const bool sleeps = door_->fall_asleep();
  poll(sleeps ? std::min(timers_.next(), trim_at_) : time_point::min());
  if (sleeps) door_->wake_up();
}

void scheduler::poll(time_point until) noexcept {
  operation* done = among_others_ ? poll_among_others(until) : kernel_->poll(until);
  while (done != nullptr) {
    // Only queued here, not resumed: that keeps fibers in completion order.
    operation* const next = done->next;
    unpark(*static_cast<fiber_state*>(done->waiter));
    done = next;
  }
}

MOTET_JUMPS_BACK void scheduler::let_others_run() noexcept {
  yield();
  // Who never parks would else hear of a deadline only when a turn happens to be taken.
  if (running_->deadlines != 0) expire_timers();
}

void scheduler::settle() noexcept {
  refuse_in_child("settle");
  // Several may do this at a time: they do not wait for each other.
  ++settling_;
  for (;;) {
    poll(time_point::min());
    run_remote();
    expire_until(time_.correct());
    to_disturb_.left = disturbed_per_turn;
    disturb_some();
    run_stop_callbacks();
    if (queue_.size() < settling_ && to_disturb_.first == nullptr) break;
    yield();
  }
  --settling_;
}

void scheduler::run_remote() noexcept {
  busy_ = true;
  remote_task* task = door_->take_all();
  while (task != nullptr) {
    remote_task* const next = task->next;
    task->run(*task);
    task = next;
  }
  if (const auto signal = door_->take_signal(); signal.number != 0) {
    hooks_.on_signal(*this, signal.number, signal.count);
  }
  busy_ = false;
}

void scheduler::expire_until(time_point now) noexcept {
  busy_ = true;
  while (timer* const due = timers_.take_due(now))
    due->expired(*due);
  busy_ = false;
}

void scheduler::add_stop(std::stop_source source) {
  stops_.push_back(std::move(source));
  slice_left_ = 0;  // a turn soon, if they cannot run now
}

void scheduler::request_stops() noexcept {
  // Who parked, or runs, has nothing to do with it, but lends its stack.
  scope_chain& chain = running_->chain;
  running_->attention = true;
  ++chain.no_suspend;
  while (!stops_.empty()) {
    const auto due = std::exchange(stops_, {});
    for (const std::stop_source& source : due)
      source.request_stop();
  }
  --chain.no_suspend;
}

void scheduler::add_to_disturb(fiber_state& fiber) noexcept {
  if (fiber.to_disturb) return;
  fiber.to_disturb = true;
  fiber.previous_to_disturb = to_disturb_.last;
  fiber.next_to_disturb = nullptr;
  (to_disturb_.last != nullptr ? to_disturb_.last->next_to_disturb : to_disturb_.first) =
      &fiber;
  to_disturb_.last = &fiber;
}

void scheduler::forget_to_disturb(fiber_state& fiber) noexcept {
  fiber.to_disturb = false;
  fiber_state* const before = fiber.previous_to_disturb;
  fiber_state* const after = fiber.next_to_disturb;
  (before != nullptr ? before->next_to_disturb : to_disturb_.first) = after;
  (after != nullptr ? after->previous_to_disturb : to_disturb_.last) = before;
}

void scheduler::disturb_some() noexcept {
  while (to_disturb_.first != nullptr && to_disturb_.left > 0) {
    --to_disturb_.left;
    fiber_state& next = *to_disturb_.first;
    forget_to_disturb(next);
    disturb(next);
  }
}

/// The callbacks borrow the stack of whoever parked. They could not be left waiting.
operation* scheduler::poll_among_others(time_point until) noexcept {
  scope_chain& chain = running_->chain;
  running_->attention = true;
  ++chain.no_suspend;
  busy_ = true;
  operation* const done = kernel_->poll(until);
  busy_ = false;
  --chain.no_suspend;
  return done;
}

bool scheduler::stuck() noexcept {
  if (among_others_) return false;  // anybody may wake anybody
  if (!timers_.empty() || expected_wakes_ != 0 || !door_->empty() ||
      to_disturb_.first != nullptr || !stops_.empty()) {
    return false;
  }
  if (kernel_->in_flight() == 0) return true;
  if (!kernel_->simulated()) return false;
  // In a simulation, only fibers make anything happen: an operation that a poll does not
  // bring back now, after all that was asked of it, stays out. Unless something is on its
  // way that was sent before.
  poll(time_point::min());
  return queue_.empty() && !kernel_->under_way();
}

stack_pool& scheduler::pool_for(std::size_t size) {
  if (size == 0 || size == stacks_.usable_size()) return stacks_;
  // Few sizes, so that stacks find new users.
  const std::size_t rounded = std::bit_ceil(size);
  if (rounded == stacks_.usable_size()) return stacks_;
  for (auto& pool : odd_stacks_) {
    if (pool->usable_size() == rounded) return *pool;
  }
  return *odd_stacks_.emplace_back(std::make_unique<stack_pool>(rounded));
}

stack_span scheduler::take_odd_stack(std::size_t size, std::size_t extra) {
  // A body that would eat much of the stack gets that much more.
  const std::size_t usual = size != 0 ? size : stacks_.usable_size();
  return pool_for(extra < usual / 8 ? usual : usual + extra).take();
}

void scheduler::bury(const fiber_state& fiber) noexcept {
  clear_corpse();
  corpse_ = {fiber.stack, fiber.sanitizer};
}

void scheduler::give_back_odd(stack_span stack) noexcept {
  for (auto& pool : odd_stacks_) {
    if (pool->usable_size() == stack.size()) return pool->give_back(stack);
  }
  give_back_to_reserve(stack);
}

std::size_t scheduler::stacks_in_use() const noexcept {
  std::size_t count = stacks_.taken() - (corpse_.stack ? 1 : 0);
  for (const auto& pool : odd_stacks_)
    count += pool->taken();
  return count;
}

/// A second after the thread was last busy, pooled stacks start to lose their memory:
/// soon enough for a quiet server, too late to hurt one between two bursts.
void scheduler::trim_when_idle() noexcept {
  if (kernel_->simulated()) return;
  const time_point now = time_.not_before_now();
  if (trim_at_ == time_point::max()) {
    if (stacks_.has_spare()) trim_at_ = now + 1s;
  } else if (now >= trim_at_) {
    const bool more = stacks_.trim();
    trim_at_ = more ? now : time_point::max();
  }
}

std::int32_t ask_kernel(const call& question) noexcept {
  const bool has_kernel = this_scheduler != nullptr && !in_forked_child;
  return has_kernel ? this_scheduler->kernel().answer(question)
                    : answer_by_system_call(question);
}

void throw_outside(const char* what) {
  refuse_in_child(what);
  throw structure_error(std::string(what) +
                        " outside of a fiber: call it inside motet::run");
}

}  // namespace motet::detail
