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

/// What both ways to receive share.
[[gnu::always_inline]] inline step receive_here(channel_core& c, void* room,
                                                call_site where) {
  scheduler& s = here("channel::receive");
  enter_point(s, where);
  afterwards after;
  std::unique_lock held(c.guard);
  const step how = growing([&] { return take_now(c, room, after); }, c, after);
  if (how != step::wait) return how;
  held.release();
  return wait_in_line(s, c, c.receivers, room, where);
}

}  // namespace

step put(channel_core& to, void* from, afterwards& after) {
  return put_now(to, from, after);
}

step take(channel_core& from, void* to, afterwards& after) {
  return take_now(from, to, after);
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

MOTET_JUMPS_BACK void channel_core::send(void* value, call_site where) {
  scheduler& s = here("channel::send");
  enter_point(s, where);
  step how = step::wait;
  {
    afterwards after;
    std::unique_lock held(guard);
    how = growing([&] { return put_now(*this, value, after); }, *this, after);
    if (how == step::wait) {
      held.release();
      how = wait_in_line(s, *this, senders, value, where);
    }
  }
  if (how == step::closed) throw closed_error("send to a channel that is closed");
}

bool channel_core::try_send(void* value) {
  afterwards after;
  const std::lock_guard held(guard);
  return growing([&] { return put_now(*this, value, after); }, *this, after) ==
         step::done;
}

MOTET_JUMPS_BACK bool channel_core::receive_next(void* room, call_site where) {
  return receive_here(*this, room, where) == step::done;
}

MOTET_JUMPS_BACK void channel_core::receive(void* room, call_site where) {
  if (receive_here(*this, room, where) == step::closed) [[unlikely]] {
    throw closed_error("receive from a channel that is closed and empty");
  }
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
