// SPDX-License-Identifier: MIT
#include "lib/core/expect.hpp"
#include "lib/core/shared_wait.hpp"

#include <motet/channel.hpp>
#include <motet/detail/broadcast_core.hpp>
#include <motet/detail/holding.hpp>
#include <motet/error.hpp>

#include <limits>
#include <mutex>
#include <utility>

namespace motet::detail {

broadcast_core::broadcast_core(std::size_t capacity) noexcept
    : bounded_(capacity != unbounded), room_(bounded_ ? capacity : 0) {
  MOTET_EXPECT(capacity != 0);
}

broadcast_core::~broadcast_core() {
  MOTET_EXPECT(subscribers_ == nullptr);  // who would read values that are gone
}

/// Lets a value in. The gate is not held.
bool broadcast_core::enter() noexcept {
  const std::lock_guard held(gate_);
  if (closed_) return false;
  ++sending_;
  return true;
}

void broadcast_core::reserve(call_site where) {
  if (bounded_) {
    room_.acquire(1, where);
  } else {
    pass_point("broadcast::send", where);
  }
  if (!enter()) throw closed_error("send to a broadcast that is closed");
}

bool broadcast_core::try_reserve() noexcept {
  if (bounded_ && !room_.try_acquire()) return false;
  return enter();
}

void broadcast_core::give_back() noexcept {
  {
    const std::lock_guard held(gate_);
    --sending_;
    end_if_over();
  }
  if (bounded_) room_.release();
}

void broadcast_core::append(broadcast_node& node) noexcept {
  {
    const std::lock_guard held(gate_);
    --sending_;
    if (count_ != 0) {
      node.left = count_;
      (last_ != nullptr ? last_->next : first_) = &node;
      last_ = &node;
      for (auto* s = subscribers_; s != nullptr; s = s->next) {
        if (s->cursor == nullptr) s->cursor = &node;
        s->values.release();
      }
      end_if_over();
      return;
    }
    end_if_over();
  }
  destroy(&node);  // nobody is there to hear it
}

/// Nothing more will come: everybody is told, once. The gate is held.
void broadcast_core::end_if_over() noexcept {
  if (!closed_ || sending_ != 0) return;
  for (auto* s = subscribers_; s != nullptr; s = s->next)
    s->values.release();
}

void broadcast_core::close() noexcept {
  {
    const std::lock_guard held(gate_);
    if (std::exchange(closed_, true)) return;
    end_if_over();
  }
  // Who waits for room is let in, to be told.
  if (bounded_) room_.release(std::numeric_limits<std::size_t>::max() / 2);
}

bool broadcast_core::closed() const noexcept {
  const std::lock_guard held(gate_);
  return closed_;
}

void broadcast_core::add(broadcast_subscriber& who) noexcept {
  const std::lock_guard held(gate_);
  who.next = subscribers_;
  if (who.next != nullptr) who.next->previous = &who;
  subscribers_ = &who;
  ++count_;
  if (closed_ && sending_ == 0) who.values.release();
}

void broadcast_core::remove(broadcast_subscriber& who) noexcept {
  broadcast_node* done = nullptr;
  {
    const std::lock_guard held(gate_);
    for (broadcast_node* n = who.cursor; n != nullptr; n = n->next)
      --n->left;
    (who.previous != nullptr ? who.previous->next : subscribers_) = who.next;
    if (who.next != nullptr) who.next->previous = who.previous;
    --count_;
    done = cut_off_done();
  }
  destroy(done);
}

/// Takes those that all have had from the front of the list. The gate is held.
broadcast_node* broadcast_core::cut_off_done() noexcept {
  broadcast_node* const done = first_;
  broadcast_node* before = nullptr;
  while (first_ != nullptr && first_->left == 0) {
    before = first_;
    first_ = first_->next;
  }
  if (first_ == nullptr) last_ = nullptr;
  if (before == nullptr) return nullptr;
  before->next = nullptr;
  return done;
}

/// Destroys values, which makes room. The gate is not held.
void broadcast_core::destroy(broadcast_node* list) noexcept {
  std::size_t count = 0;
  for (; list != nullptr; ++count) {
    broadcast_node* const next = list->next;
    list->destroy(list);
    list = next;
  }
  if (bounded_ && count != 0) room_.release(count);
}

/// After a permit was taken: the value that it is for, or null for the end.
broadcast_node* broadcast_core::taken_by(broadcast_subscriber& who) noexcept {
  {
    const std::lock_guard held(gate_);
    if (broadcast_node* const node = who.cursor; node != nullptr) {
      who.cursor = node->next;
      return node;
    }
  }
  who.values.release();  // the end stays the end
  return nullptr;
}

broadcast_node* broadcast_core::take(broadcast_subscriber& who, call_site where) {
  who.values.acquire(1, where);
  return taken_by(who);
}

broadcast_node* broadcast_core::try_take(broadcast_subscriber& who) noexcept {
  return who.values.try_acquire() ? taken_by(who) : nullptr;
}

void broadcast_core::done_with(broadcast_node& node) noexcept {
  broadcast_node* done = nullptr;
  {
    const std::lock_guard held(gate_);
    --node.left;
    done = cut_off_done();
  }
  destroy(done);
}

void broadcast_core::put_back(broadcast_subscriber& who, broadcast_node& node) noexcept {
  {
    const std::lock_guard held(gate_);
    who.cursor = &node;
  }
  who.values.release();
}

}  // namespace motet::detail
