// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/diagnose.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"

#include <motet/error.hpp>
#include <motet/mailbox.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace motet {

namespace detail {

namespace {

/// Blocks of a few small sizes, kept by the scheduler's thread that frees them: a message
/// costs less than a malloc. Other threads keep none, as nobody would take it from them.
struct message_blocks {
  static constexpr std::size_t step = 32;
  static constexpr std::size_t sizes = 4;
  static constexpr unsigned most = 64;

  struct free_block {
    free_block* next;
  };
  std::array<free_block*, sizes> first;
  std::array<unsigned, sizes> count;
  std::ptrdiff_t in_use;  // made here, less those freed here: those of others, too

  static std::size_t index(std::size_t size) noexcept { return (size - 1) / step; }
};

constinit thread_local message_blocks blocks{};
/// The same for all threads that are no schedulers, or not any more.
constinit std::atomic<std::ptrdiff_t> in_use_elsewhere{0};

void count_message(std::ptrdiff_t change) noexcept {
  if (this_scheduler != nullptr) {
    blocks.in_use += change;
  } else {
    in_use_elsewhere.fetch_add(change, std::memory_order_relaxed);
  }
}

[[gnu::noinline]] void* allocate_block(std::size_t size) {
  const std::size_t i = message_blocks::index(size);
  void* const room =
      ::operator new(i < message_blocks::sizes ? (i + 1) * message_blocks::step : size);
  count_message(1);
  return room;
}

[[gnu::noinline]] void free_block(void* room) noexcept {
  count_message(-1);
  ::operator delete(room);
}

}  // namespace

void* allocate_message(std::size_t size) {
  message_blocks& own = blocks;
  const std::size_t i = message_blocks::index(size);
  if (i >= message_blocks::sizes || own.first[i] == nullptr) [[unlikely]] {
    return allocate_block(size);
  }
  auto* const block = own.first[i];
  own.first[i] = block->next;
  --own.count[i];
  ++own.in_use;
  return block;
}

void* allocate_message_surely(std::size_t size) noexcept {
  try {
    return allocate_message(size);
  } catch (const std::bad_alloc&) {
    count_message(1);
    return allocate_surely(size);
  }
}

void free_message(void* room, std::size_t size) noexcept {
  message_blocks& own = blocks;
  const std::size_t i = message_blocks::index(size);
  if (i >= message_blocks::sizes || own.count[i] == message_blocks::most ||
      this_scheduler == nullptr) [[unlikely]] {
    return free_block(room);
  }
  own.first[i] = ::new (room) message_blocks::free_block{own.first[i]};
  ++own.count[i];
  --own.in_use;
}

void free_message_surely(void* room, std::size_t size) noexcept {
  if (!is_of_reserve(room)) return free_message(room, size);
  count_message(-1);
  free_surely(room);
}

std::size_t count_messages() noexcept {
  const std::ptrdiff_t all = blocks.in_use + in_use_elsewhere;
  return all > 0 ? static_cast<std::size_t>(all) : 0;
}

void forget_message_blocks() noexcept {
  for (message_blocks::free_block*& first : blocks.first) {
    while (first != nullptr)
      ::operator delete(std::exchange(first, first->next));
  }
  blocks.count = {};
  in_use_elsewhere += std::exchange(blocks.in_use, 0);
}

namespace {

void append(mailbox& box, message* m) noexcept {
  m->next = nullptr;
  (box.last != nullptr ? box.last->next : box.first) = m;
  box.last = m;
  ++box.size;
}

/// Takes out the message after `previous` (null: the first).
message* take_after(mailbox& box, message* previous) noexcept {
  message*& link = previous != nullptr ? previous->next : box.first;
  message* const m = link;
  link = m->next;
  if (box.last == m) box.last = previous;
  --box.size;
  if (!box.senders.empty()) this_scheduler->wake_first(box.senders);
  return m;
}

/// How many messages a receive may pass over before that is worth a word.
constexpr std::size_t many = 1000;

bool wants(std::span<const type_key> keys, type_key key) noexcept {
  for (const type_key wanted : keys) {
    if (wanted == key) return true;
  }
  return keys.empty();
}

/// The oldest one with one of these keys, or null.
[[gnu::noinline]] message* take_first_of(fiber_state& self,
                                         std::span<const type_key> keys,
                                         call_site where) noexcept {
  message* previous = nullptr;
  std::size_t skipped = 0;
  message* m = self.box.first;
  for (; m != nullptr && !wants(keys, m->key); previous = m, m = m->next)
    ++skipped;
  if (skipped >= many) [[unlikely]] {
    tell_of_skipping(self, skipped, where);
  }
  return m != nullptr ? take_after(self.box, previous) : nullptr;
}

inline message* take_wanted(fiber_state& self, std::span<const type_key> keys,
                            call_site where) noexcept {
  if (self.box.first == nullptr || self.box.closed) return nullptr;
  return take_first_of(self, keys, where);
}

/// Hands over to the receiver that waits for just this, or keeps it.
bool accept_message(fiber_state& to, message* what) noexcept {
  mailbox& box = to.box;
  if (box.deputy != nullptr && !box.closed) [[unlikely]] {
    return send(box.deputy, what);
  }
  receive_waiter* const receiver = box.receiver;
  if (receiver != nullptr && !box.closed && wants(receiver->keys, what->key)) {
    // From here on the message is received, whatever happens before the receiver runs.
    receiver->given = what;
    box.receiver = nullptr;
    this_scheduler->unpark(to);
    return true;
  }
  append(box, what);
  return true;
}

[[gnu::noinline]] bool send_abroad(fiber_state& to, message* what) noexcept {
  return post_to(to, [owned = message_ptr(what)](fiber_state& f) mutable {
    accept_message(f, owned.release());
  });
}

void stop_receiving(waiter& w) noexcept {
  w.fiber->box.receiver = nullptr;
  this_scheduler->unpark(*w.fiber);
}

}  // namespace

bool send(fiber_state* to, message* what) noexcept {
  if (to == nullptr || to->phase == fiber_phase::ended) {
    end_message(what);
    return false;
  }
  return is_local(*to) ? accept_message(*to, what) : send_abroad(*to, what);
}

void pass_messages_on(fiber_state& from) noexcept {
  while (from.box.first != nullptr)
    send(from.box.deputy, take_after(from.box, nullptr));
}

MOTET_JUMPS_BACK message* receive_one(std::span<const type_key> keys, call_site where) {
  scheduler& s = here("receive");
  fiber_state& self = enter_point(s, where);
  if (message* const found = take_wanted(self, keys, where)) return found;
  if (!self.box.closed) {
    receive_waiter how;
    how.where = where;
    how.what = "a message";
    how.abort = &stop_receiving;
    how.keys = keys;
    self.box.receiver = &how;
    park(s, how);
    if (how.given != nullptr) [[likely]] {
      return how.given;
    }
    check(self, where);  // the restart itself, unless a shield keeps it out
  }
  throw closed_error("the fiber is being restarted: its mailbox is the next run's");
}

message* try_receive_one(std::span<const type_key> keys) {
  return take_wanted(here("try_receive").running(), keys, {});
}

bool drop_notices(mailbox& box, const fiber_state& about) noexcept {
  bool found = false;
  message* previous = nullptr;
  for (message* m = box.first; m != nullptr;) {
    message* const next = m->next;
    const bool drop = m->key == key_of<ended>() &&
                      static_cast<message_of<ended>*>(m)->value.who.get() == &about;
    if (drop) {
      end_message(take_after(box, previous));
    } else {
      previous = m;
    }
    found = found || drop;
    m = next;
  }
  return found;
}

void clear_mailbox(mailbox& box) noexcept {
  while (box.first != nullptr)
    end_message(take_after(box, nullptr));
}

void close_mailbox(mailbox& box) noexcept {
  box.closed = true;
  receive_waiter* const receiver = std::exchange(box.receiver, nullptr);
  if (receiver != nullptr) this_scheduler->unpark(*receiver->fiber);
}

}  // namespace detail

namespace {

/// Whether whoever sends has to wait. A fiber of another thread is never waited for.
bool is_full(const detail::fiber_state& to) noexcept {
  return to.phase != fiber_phase::ended && detail::is_local(to) && to.box.cap != 0 &&
         to.box.size >= to.box.cap;
}

}  // namespace

void fiber_ref::wait_for_room(call_site where) const {
  detail::scheduler& s = detail::here("send");
  detail::fiber_state& self = detail::enter_point(s, where);
  detail::fiber_state* const to = get();
  while (to != nullptr && is_full(*to)) {
    wait_in(s, to->box.senders, "room in a mailbox", where);
    // Woken for room that somebody else took: a new wait, which looks first.
    if (is_full(*to)) detail::check(self, where);
  }
  if (done()) throw closed_error("send to a fiber that has ended");
}

void fiber_ref::send_now(detail::message* message) const {
  if (!detail::send(get(), message)) {
    throw closed_error("send to a fiber that has ended");
  }
}

}  // namespace motet
