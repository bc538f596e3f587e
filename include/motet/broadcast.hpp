// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Values for everybody who listens.
///
///     broadcast<price> prices(100);
///     spin([&] {
///       auto feed = prices.subscribe();
///       for (const price& p : feed) show(p);
///     });
///     prices.send(next_price());  // parks while the slowest is 100 values behind
///
/// A channel gives each value to one receiver, a broadcast to all of them.

#include <motet/call_site.hpp>
#include <motet/channel.hpp>
#include <motet/detail/broadcast_core.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/range.hpp>
#include <motet/error.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

namespace motet {

template <class T>
class subscription;

/// Every subscriber gets every value that is sent while it is one, in order, once. Who is
/// slow holds up the senders, so that nothing is dropped; without subscribers values are.
/// Values are copied, without a lock. Any thread; what may park, in fibers only.
template <class T>
class broadcast {
  static_assert(std::copy_constructible<T>, "each subscriber gets a copy of its own");

 public:
  /// @param capacity how many values the slowest subscriber may be behind before `send`
  /// waits for it; at least 1. By default, senders never wait.
  explicit broadcast(std::size_t capacity = unbounded) noexcept : core_(capacity) {}
  broadcast(const broadcast&) = delete;
  broadcast& operator=(const broadcast&) = delete;
  /// No subscription may be left.
  ~broadcast() = default;

  /// Gives a value to all subscribers; parks while one is too far behind. If that is
  /// cancelled, `value` is untouched and nobody has got it.
  /// @throws closed_error if it is closed, now or meanwhile. Cancellation point.
  void send(T&& value, call_site where = call_site::here()) {
    core_.reserve(where);
    put(std::move(value));
  }
  /// As above, with a copy. Cancellation point.
  void send(const T& value, call_site where = call_site::here()) {
    send(T(value), where);
  }
  /// The same if it need not wait. @returns whether it did so; else `value` is untouched.
  /// Never parks.
  [[nodiscard]] bool try_send(T&& value) {
    if (!core_.try_reserve()) return false;
    put(std::move(value));
    return true;
  }
  /// As above, with a copy. Never parks.
  [[nodiscard]] bool try_send(const T& value) { return try_send(T(value)); }

  /// A subscriber from now on. @throws std::bad_alloc. Never parks.
  [[nodiscard]] subscription<T> subscribe() { return subscription<T>(core_); }

  /// No more values come; what was sent can still be received. Fibers that wait get a
  /// closed_error. Once is enough. Never parks.
  void close() noexcept { core_.close(); }
  [[nodiscard]] bool closed() const noexcept { return core_.closed(); }

 private:
  friend class subscription<T>;

  struct node : detail::broadcast_node {
    T value;
    explicit node(T&& from) : value(std::move(from)) {
      destroy = [](detail::broadcast_node* n) noexcept { delete static_cast<node*>(n); };
    }
  };

  void put(T&& value) {
    node* made = nullptr;
    try {
      made = new node(std::move(value));
    } catch (...) {
      core_.give_back();
      throw;
    }
    core_.append(*made);
  }

  detail::broadcast_core core_;
};

/// Listens to a broadcast, which outlives it, from when it was made until it goes.
/// Several fibers may share one: then each value goes to one of them.
template <class T>
class subscription {
 public:
  subscription(subscription&& other) noexcept
      : core_(other.core_), place_(std::move(other.place_)) {}
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;
  subscription& operator=(subscription&&) = delete;
  ~subscription() {
    if (place_) core_->remove(*place_);
  }

  /// Takes the oldest value that it has not had; parks until there is one.
  /// @throws closed_error if the broadcast is closed and there is none.
  /// Cancellation point.
  T receive(call_site where = call_site::here()) {
    if (auto value = next(where)) return *std::move(value);
    throw closed_error("receive from a broadcast that is closed");
  }
  /// Takes it if there is one. Never parks.
  [[nodiscard]] std::optional<T> try_receive() { return copy(core_->try_take(*place_)); }

  /// Receives until the broadcast is closed and all was received. Cancellation point, as
  /// is each step.
  [[nodiscard]] auto begin(call_site where = call_site::here()) {
    return iterator(*this, where);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend class broadcast<T>;

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    iterator(subscription& from, call_site where) : from_(&from), where_(where) {
      ++*this;
    }
    T& operator*() const noexcept { return *value_; }
    iterator& operator++() {
      value_.reset();
      if (auto next = from_->next(where_)) value_.emplace(*std::move(next));
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return !i.value_;
    }

   private:
    subscription* from_;
    call_site where_;
    mutable std::optional<T> value_;
  };

  explicit subscription(detail::broadcast_core& core)
      : core_(&core), place_(new detail::broadcast_subscriber()) {
    core_->add(*place_);
  }

  std::optional<T> next(call_site where) { return copy(core_->take(*place_, where)); }

  std::optional<T> copy(detail::broadcast_node* from) {
    if (from == nullptr) return std::nullopt;
    std::optional<T> value;
    try {
      value.emplace(static_cast<typename broadcast<T>::node*>(from)->value);
    } catch (...) {
      core_->put_back(*place_, *from);
      throw;
    }
    core_->done_with(*from);
    return value;
  }

  detail::broadcast_core* core_;
  detail::owner<detail::broadcast_subscriber> place_;
};

}  // namespace motet
