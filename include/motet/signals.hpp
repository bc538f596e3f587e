// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Signals to the process, as a range: `for (int s : signals({SIGHUP})) reload();`

#include <motet/call_site.hpp>
#include <motet/detail/range.hpp>

#include <cstddef>
#include <initializer_list>

namespace motet {

namespace detail {
struct signal_inbox;  // lib/fiber/signal_range.cpp
}

/// The signals that come, by their numbers, while this lives. They do nothing else then:
/// with SIGINT in the set, `run` does not hear of it. Several of these, on any threads,
/// get every signal each. When the last one that wants a signal goes, the signal means
/// again what it did before.
///
/// What comes between two steps is kept. As everywhere, a signal that comes several times
/// before it is looked at comes once, and the lowest number goes first.
///
/// Same thread only. Programs that `process` starts do not inherit any of this. Simulated
/// time does not wait for signals: there, who only waits for one is deadlocked.
class signals {
 public:
  class iterator;

  /// @throws structure_error outside of fibers; std::system_error (invalid_argument) for
  /// signals that cannot be handled: SIGKILL, SIGSTOP, and those that tell of an error in
  /// the program itself, as SIGSEGV. Never parks.
  explicit signals(std::initializer_list<int> numbers);
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;
  ~signals();

  /// Parks until one of them comes. Cancelled, it has taken none. @returns its number.
  /// Cancellation point.
  int wait(call_site where = call_site::here());

  /// The range has no end; each step waits for a signal. Cancellation point.
  [[nodiscard]] iterator begin(call_site where = call_site::here());
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  detail::signal_inbox* inbox_;
};

/// Steps from signal to signal, which are there once.
class signals::iterator {
 public:
  using value_type = int;
  using difference_type = std::ptrdiff_t;

  iterator() = default;
  iterator(signals& from, call_site where)
      : from_(&from), number_(from.wait(where)), where_(where) {}

  int operator*() const noexcept { return number_; }
  iterator& operator++() {
    number_ = from_->wait(where_);
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator&, std::default_sentinel_t) noexcept {
    return false;
  }

 private:
  signals* from_ = nullptr;
  int number_ = 0;
  call_site where_;
};

inline signals::iterator signals::begin(call_site where) {
  return {*this, where};
}

}  // namespace motet
