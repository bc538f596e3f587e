// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Clients that wait for a list to have an element, in the order in which they came.

#include "examples/key_value/store.hpp"

#include <motet/event.hpp>

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace key_value {

class waiting_line;

/// One client that waits at some lists. An element belongs to it from the moment it is
/// handed over until the client has it; if it goes before that, the element goes back.
class waiter {
 public:
  waiter(waiting_line& line, std::vector<std::string> keys, list_end end);
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  ~waiter();

  struct handed_over {
    std::string key;
    std::string element;
  };

  /// Parks until an element came or nobody wants it any more. Cancellation point.
  void wait() { changed_.wait(); }
  /// The client is gone.
  void give_up() noexcept;

  [[nodiscard]] const std::optional<handed_over>& got() const noexcept { return got_; }
  [[nodiscard]] bool given_up() const noexcept { return given_up_; }
  /// The client has it.
  void accept() noexcept { got_.reset(); }

 private:
  friend class waiting_line;
  using queue = std::list<waiter*>;

  waiting_line& line_;
  const std::vector<std::string> keys_;
  const list_end end_;
  std::vector<queue::iterator> places_;  ///< In the queues at `keys_`, while it waits.
  std::optional<handed_over> got_;
  bool given_up_ = false;
  motet::event changed_;
};

class waiting_line {
 public:
  explicit waiting_line(store& data) noexcept : data_(data) {}

  /// Hands elements over to those who wait for them. To be called when some were put
  /// into the list.
  void serve(std::string_view key);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  friend class waiter;

  void enter(waiter& who);
  void leave(waiter& who) noexcept;
  void give_back(waiter& who) noexcept;

  store& data_;
  std::unordered_map<std::string, waiter::queue> queues_;
  std::size_t size_ = 0;
};

}  // namespace key_value
