// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What happens to a channel behind its gate: each step as a whole or not at all.

#include "lib/core/shared_wait.hpp"
#include "lib/sync/value_queue.hpp"

#include <motet/detail/channel_core.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

namespace motet::detail {

enum class step : std::uint8_t {
  done,
  wait,    ///< Not now.
  closed,  ///< Never.
  grow,    ///< Not before there is another block, to be made outside of the gate.
};

/// A wait at several channels at once. Whoever would end it has to claim it first: others
/// may be about to, behind the gates of other channels.
struct choice : waiter, timer {
  static constexpr int open = -1;
  static constexpr int cut_short = -2;

  std::atomic<int> chosen{open};

  /// @param index of the case; or cut_short. @returns whether nobody else was first.
  [[nodiscard]] bool claim(int index) noexcept {
    int none = open;
    return chosen.compare_exchange_strong(none, index, std::memory_order_acq_rel);
  }
};

/// A fiber's place in a queue of a channel.
struct channel_place : shared_waiter {
  void* const value;  ///< What is sent, or the room for what is received.
  choice* const of;   ///< Not null: one of several.
  const int index;    ///< Which of them.
  /// How the wait ended. `wait`: it has to begin anew.
  step ended = step::wait;
  std::exception_ptr error;  ///< What moving the value threw, for who waits.
  /// Whether it may stand in the queue. Once it does not, the channel may be gone.
  std::atomic<bool> queued{true};

  channel_place(scheduler& s, gate& guards, const char* waits_for, call_site place,
                void* v, choice* one_of = nullptr, int which = 0) noexcept
      : shared_waiter(s, guards, waits_for, place), value(v), of(one_of), index(which) {}
};

/// What is left to do when the gate is not held any more; does it at its end.
class afterwards {
 public:
  afterwards() = default;
  afterwards(const afterwards&) = delete;
  afterwards& operator=(const afterwards&) = delete;
  ~afterwards() {
    while (woken_ != nullptr) {
      detail::wake(static_cast<channel_place&>(*std::exchange(woken_, woken_->next)));
    }
    while (unneeded_ != nullptr)
      free_block(std::exchange(unneeded_, unneeded_->next));
  }

  /// Wakes a place that was taken out.
  void wake(channel_place& place) noexcept {
    place.next = nullptr;
    (woken_ != nullptr ? last_->next : woken_) = &place;
    last_ = &place;
  }
  void free(value_block* block) noexcept {
    if (block == nullptr) return;
    block->next = unneeded_;
    unneeded_ = block;
  }

 private:
  queue_waiter* woken_ = nullptr;  ///< The oldest; `next` is the next one.
  queue_waiter* last_ = nullptr;
  value_block* unneeded_ = nullptr;
};

/// Puts the value at `from` into the channel. The gate is held, here and below.
[[nodiscard]] step put(channel_core& to, void* from, afterwards& after);
/// Takes the oldest value out, to the room at `to`.
[[nodiscard]] step take(channel_core& from, void* to, afterwards& after);

/// The same with `step` for either; leaves the gate to make a block, if that is needed.
template <class Step>
[[nodiscard, gnu::always_inline]] inline step growing(const Step& attempt,
                                                      channel_core& of,
                                                      afterwards& after) {
  for (;;) {
    const step how = attempt();
    if (how != step::grow) [[likely]] {
      return how;
    }
    value_block* fresh = nullptr;
    of.guard.unlock();
    try {
      fresh = of.values.make_block();
    } catch (...) {
      of.guard.lock();
      throw;
    }
    of.guard.lock();
    after.free(of.values.adopt(fresh));
  }
}

}  // namespace motet::detail
