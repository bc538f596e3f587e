// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The data: texts and lists by their keys, some of which expire.
///
/// No locks, here and in all of the server: one thread runs all fibers, and a fiber gives
/// it up only where it waits. Nothing in this file waits but `expire_in_time`, so each
/// call happens at once for everybody else.

#include <motet/event.hpp>
#include <motet/time.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

namespace key_value {

/// What a client is told instead of a result; it begins with a code.
class command_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Milliseconds, as clients count: in nanoseconds, years would overflow.
using instant = std::chrono::time_point<motet::clock, std::chrono::milliseconds>;
inline constexpr instant never = instant::max();

/// Rounded up, so that nothing expires early.
[[nodiscard]] inline instant now() noexcept {
  return std::chrono::ceil<std::chrono::milliseconds>(motet::clock::now());
}

using list = std::deque<std::string>;
enum class list_end : unsigned char { left, right };

struct value {
  std::variant<std::string, std::unique_ptr<list>> content;
  instant expires = never;
};

class store {
 public:
  using entry = std::pair<const std::string, value>;

  /// Null if there is none, or no more. Good until the next change of that key.
  [[nodiscard]] entry* find(std::string_view key);
  /// As above. @throws command_error if it is something else.
  [[nodiscard]] std::string* find_text(std::string_view key);
  [[nodiscard]] list* find_list(std::string_view key);

  /// Replaces whatever was there, and when that was to expire.
  entry& set(std::string_view key, std::string_view text);
  bool remove(std::string_view key);
  void clear() noexcept;

  void expire_at(entry& what, instant when);
  /// Removes keys when their time has come, also those that nobody asks for.
  [[noreturn]] void expire_in_time();

  /// @returns how long the list is then.
  std::size_t push(std::string_view key, list_end end, std::string_view element);
  /// A list ends with its last element.
  std::optional<std::string> pop(std::string_view key, list_end end);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t expiring() const noexcept { return expiries_.size(); }
  [[nodiscard]] const auto& entries() const noexcept { return entries_; }

 private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept;
  };

  void remove(entry& what);
  void remove_expired(std::size_t at_most);

  std::unordered_map<std::string, value, hash, std::equal_to<>> entries_;
  // Keys stay where they are as long as they are in the map.
  std::set<std::pair<instant, const std::string*>> expiries_;
  motet::event sooner_;  ///< Something expires before all that did.
};

}  // namespace key_value
