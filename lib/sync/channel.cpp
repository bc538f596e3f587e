// SPDX-License-Identifier: MIT
#include "lib/sync/channel_steps.hpp"

#include <motet/channel.hpp>
#include <motet/error.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace motet::detail {

namespace {

/// Takes a place out of its queue: the last that is done with one that is not woken.
inline void leave(channel_place& place) noexcept {
  place.queue->remove(place);
  place.queued.store(false, std::memory_order_release);
}

/// The first in line whose wait can still be ended, and is, by whoever asks; or null.
inline channel_place* first_willing(wait_queue& queue) noexcept {
  while (!queue.empty()) {
    auto& place = static_cast<channel_place&>(*queue.first);
    if (place.of == nullptr || place.of->claim(place.index)) return &place;
    leave(place);  // it was served elsewhere
  }
  return nullptr;
}

inline void end_wait(channel_place& place, step how, afterwards& after) noexcept {
  place.ended = how;
  leave(place);
  after.wake(place);
}

/// Moves a value for a place in line. If that throws, the place stays where it is; but a
/// choice cannot be claimed twice: it has to begin anew.
[[gnu::always_inline]] inline void hand_over(const channel_core& at, channel_place& place,
                                             void* to, void* from, afterwards& after) {
  try {
    at.values.kind().move(to, from);
  } catch (...) {
    if (place.of != nullptr) end_wait(place, step::wait, after);
    throw;
  }
  end_wait(place, step::done, after);
}

/// There is room again: for the value of the first sender who waits.
void refill(channel_core& c, afterwards& after) noexcept {
  while (c.values.size() < c.capacity) {
    channel_place* const sender = first_willing(c.senders);
    if (sender == nullptr) return;
    try {
      c.values.push(sender->value);
    } catch (...) {
      sender->error = std::current_exception();  // as if there had been room at once
    }
    end_wait(*sender, step::done, after);
  }
}

[[gnu::always_inline]] inline step put_now(channel_core& to, void* from,
                                           afterwards& after) {
  if (to.closed) return step::closed;
  if (channel_place* const receiver = first_willing(to.receivers)) {
    hand_over(to, *receiver, receiver->value, from, after);
    return step::done;
  }
  if (to.values.size() >= to.capacity) return step::wait;
  if (!to.values.has_room()) return step::grow;
  to.values.push(from);
  return step::done;
}

[[gnu::always_inline]] inline step take_now(channel_core& from, void* to,
                                            afterwards& after) {
  value_queue& values = from.values;
  if (values.size() != 0) {
    if (!from.senders.empty() && !values.has_room_after_pop()) return step::grow;
    values.kind().move(to, values.front());
    after.free(values.pop());
    refill(from, after);
    return step::done;
  }
  if (channel_place* const sender = first_willing(from.senders)) {
    hand_over(from, *sender, to, sender->value, after);
    return step::done;
  }
  return from.closed ? step::closed : step::wait;
}

/// Waits in line. The gate is held on entry, and not on return.
[[gnu::always_inline]] inline step wait_in_line(scheduler& s, channel_core& at,
                                                wait_queue& queue, void* value,
                                                call_site where) {
  const char* const what = &queue == &at.receivers ? "a value in a channel"
                           : at.capacity == 0      ? "a receiver at a channel"
                                                   : "room in a channel";
  channel_place how(s, at.guard, what, where, value);
  wait_behind(s, queue, how);
  // From here on the channel may be gone.
  if (how.error) std::rethrow_exception(std::move(how.error));
  return how.ended;
}

/// The first in line, if it waits for nothing else: no other can end its wait.
inline channel_place* first_alone(const wait_queue& queue) noexcept {
  auto* const place = static_cast<channel_place*>(queue.first);
  return place != nullptr && place->of == nullptr ? place : nullptr;
}

/// A value goes from stack to stack, and the first in line on. The gate is held on entry,
/// and not on return.
[[gnu::always_inline]] inline void pass(channel_core& at, wait_queue& line, void* to,
                                        void* from) {
  try {
    at.values.kind().move(to, from);
  } catch (...) {
    at.guard.unlock();
    throw;
  }
  auto& place = static_cast<channel_place&>(take_first(line));
  place.ended = step::done;
  place.queued.store(false, std::memory_order_release);
  at.guard.unlock();
  wake(place);
}

// The longer ways. They follow on the short ones, with the gate held, and leave it.

template <wait_queue channel_core::*line>
[[gnu::noinline]] MOTET_JUMPS_BACK bool wait_behind_others(scheduler& s, channel_core& at,
                                                           void* value, call_site where) {
  return wait_in_line(s, at, at.*line, value, where) == step::done;
}

/// There are values, or it is closed, or choices wait.
template <auto& put_or_take, wait_queue channel_core::*line>
[[gnu::noinline]] MOTET_JUMPS_BACK bool do_otherwise(scheduler& s, channel_core& at,
                                                     void* value, call_site where) {
  step how = step::wait;
  {
    afterwards after;
    std::unique_lock held(at.guard, std::adopt_lock);
    how = growing([&] { return put_or_take(at, value, after); }, at, after);
    if (how == step::wait) held.release();
  }
  return how == step::wait ? wait_behind_others<line>(s, at, value, where)
                           : how == step::done;
}

}  // namespace

step put(channel_core& to, void* from, afterwards& after) {
  return put_now(to, from, after);
}

step take(channel_core& from, void* to, afterwards& after) {
  return take_now(from, to, after);
}

void refuse_send() {
  throw closed_error("send to a channel that is closed");
}

void refuse_receive() {
  throw closed_error("receive from a channel that is closed and empty");
}

channel_core::~channel_core() {
  const std::lock_guard held(guard);
  for (wait_queue* const queue : {&senders, &receivers}) {
    while (!queue->empty()) {
      auto& place = static_cast<channel_place&>(*queue->first);
      if (place.of == nullptr) forsake(place, "a channel that is gone");
      leave(place);
    }
  }
}

MOTET_JUMPS_BACK bool channel_core::send(void* value, call_site where) {
  scheduler& s = here("channel::send");
  enter_point(s, where);
  guard.lock();
  if (channel_place* const receiver = first_alone(receivers)) {
    pass(*this, receivers, receiver->value, value);
    return true;
  }
  const bool full = receivers.empty() && !closed && values.size() >= capacity;
  constexpr auto line = &channel_core::senders;
  return full ? wait_behind_others<line>(s, *this, value, where)
              : do_otherwise<put_now, line>(s, *this, value, where);
}

bool channel_core::try_send(void* value) {
  afterwards after;
  const std::lock_guard held(guard);
  return growing([&] { return put_now(*this, value, after); }, *this, after) ==
         step::done;
}

MOTET_JUMPS_BACK bool channel_core::receive(void* room, call_site where) {
  scheduler& s = here("channel::receive");
  enter_point(s, where);
  guard.lock();
  const bool empty = values.size() == 0;
  if (channel_place* const sender = first_alone(senders); sender != nullptr && empty) {
    pass(*this, senders, room, sender->value);
    return true;
  }
  constexpr auto line = &channel_core::receivers;
  return empty && senders.empty() && !closed
             ? wait_behind_others<line>(s, *this, room, where)
             : do_otherwise<take_now, line>(s, *this, room, where);
}

bool channel_core::try_receive(void* room) {
  afterwards after;
  const std::lock_guard held(guard);
  return growing([&] { return take_now(*this, room, after); }, *this, after) ==
         step::done;
}

void channel_core::close() noexcept {
  afterwards after;
  const std::lock_guard held(guard);
  closed = true;
  for (wait_queue* const queue : {&senders, &receivers}) {
    while (channel_place* const place = first_willing(*queue))
      end_wait(*place, step::closed, after);
  }
}

bool channel_core::is_closed() const noexcept {
  const std::lock_guard held(guard);
  return closed;
}

std::size_t channel_core::size() const noexcept {
  const std::lock_guard held(guard);
  return values.size();
}

}  // namespace motet::detail
