// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A queue of values between fibers, of one thread or of several.
///
///     channel<job> jobs(100);
///     spin([&] { for (const job& j : jobs) work(j); });
///     jobs.send(next_job());          // parks while 100 are waiting
///     jobs.close();                   // ends the loop, once all are done
///
/// What is cancelled did not happen: the value is still with who would have sent it, or
/// in the channel.

#include <motet/call_site.hpp>
#include <motet/detail/channel_core.hpp>
#include <motet/detail/range.hpp>
#include <motet/detail/value_queue.hpp>
#include <motet/error.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

/// The capacity of a channel that is never full.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

/// Values come out in the order in which they went in, each once. Who waits is served in
/// order, too: senders and receivers. Any thread; calls that may park, in fibers only.
///
/// Values need no more than a move constructor. It runs behind a lock: it must not wait,
/// nor use the channel. If it throws, the channel is as it was.
template <class T>
class channel {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "a channel of values; send pointers in place of references");

 public:
  /// @param capacity how many values may lie in it. 0: none; a sender waits until its
  /// value is taken by a receiver.
  constexpr explicit channel(std::size_t capacity = 0) noexcept
      : core_(detail::kind_of<T>, capacity) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  /// Destroys the values that are left. Fibers of this thread that still wait at it do so
  /// until they are stopped, as children of whoever had it are; there may be no others.
  ~channel() = default;

  /// Puts a value in; parks while there is no room. If it throws, `value` is untouched,
  /// unless moving it is what failed.
  /// @throws closed_error if it is closed, now or meanwhile. Cancellation point.
  void send(T&& value, call_site where = call_site::here()) {
    if (!core_.send(&value, where)) detail::refuse_send();
  }
  /// As above, with a copy. Cancellation point.
  void send(const T& value,
            call_site where = call_site::here()) requires std::copy_constructible<T> {
    T copy(value);
    if (!core_.send(&copy, where)) detail::refuse_send();
  }
  /// Puts a value in, if it need not wait for that: if there is room or a receiver waits.
  /// @returns whether it did; else `value` is untouched. Never parks.
  [[nodiscard]] bool try_send(T&& value) { return core_.try_send(&value); }
  /// As above, with a copy. Never parks.
  [[nodiscard]] bool try_send(const T& value) requires std::copy_constructible<T> {
    T copy(value);
    return core_.try_send(&copy);
  }

  /// Takes the oldest value; parks until there is one.
  /// @throws closed_error if there is none and the channel is closed. Cancellation point.
  T receive(call_site where = call_site::here()) {
    detail::value_slot<T> slot;
    if (!core_.receive(slot.room(), where)) detail::refuse_receive();
    return slot.take();
  }
  /// Takes the oldest value, if there is one or a sender waits. Never parks.
  [[nodiscard]] std::optional<T> try_receive() {
    detail::value_slot<T> slot;
    if (!core_.try_receive(slot.room())) return std::nullopt;
    return slot.take();
  }

  /// No more values go in; what lies in it can still be received. Fibers that wait to
  /// send, or for a value, get a closed_error. Once is enough. Never parks.
  void close() noexcept { core_.close(); }
  /// Whether it was closed. There may be values left. Never parks.
  [[nodiscard]] bool closed() const noexcept { return core_.is_closed(); }
  /// How many values lie in it; those of senders that wait do not. Never parks.
  [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return core_.capacity; }

  class iterator;
  /// Receives until the channel is closed and empty: `for (auto& value : channel)`; if
  /// `T` only moves, `for (auto value : channel)`. Cancellation point, as is each step.
  iterator begin(call_site where = call_site::here()) { return iterator(*this, where); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// What `select` takes it for. Never parks.
  [[nodiscard]] detail::channel_core& core() noexcept { return core_; }

 private:
  detail::channel_core core_;
};

/// Walks what arrives. The value lives until the next step.
template <class T>
class channel<T>::iterator {
 public:
  using value_type = T;
  using reference = std::conditional_t<std::copy_constructible<T>, T&, T&&>;
  using difference_type = std::ptrdiff_t;

  explicit iterator(channel& from, call_site where) : from_(&from), where_(where) {
    ++*this;
  }

  auto operator*() const noexcept -> reference { return static_cast<reference>(*value_); }
  iterator& operator++() {
    value_.reset();
    detail::value_slot<T> slot;
    if (from_->core_.receive(slot.room(), where_)) {
      value_.emplace(slot.take());
    } else {
      from_ = nullptr;
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
    return i.from_ == nullptr;
  }

 private:
  channel* from_;
  call_site where_;
  mutable std::optional<T> value_;
};

}  // namespace motet
