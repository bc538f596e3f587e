// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What happened, in order: a test writes lines and compares them with those it expects.

#include <motet/time.hpp>

#include <chrono>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet::test {

/// Virtual time that has passed, in milliseconds.
inline long long now_in_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(clock::now().time_since_epoch()).count();
}

/// `log("a"); log(42); log.at("b");` is `trace{"a", "42", "b@100"}`, at 100 ms.
class trace {
 public:
  trace() = default;
  trace(std::initializer_list<const char*> lines) : lines_(lines.begin(), lines.end()) {}

  template <class T>
  void operator()(const T& line) {
    lines_.push_back(text_of(line));
  }
  /// Adds what time it is.
  template <class T>
  void at(const T& line) {
    lines_.push_back(text_of(line) + "@" + std::to_string(now_in_ms()));
  }

  bool operator==(const trace&) const = default;

  friend std::ostream& operator<<(std::ostream& to, const trace& shown) {
    const char* separator = "[";
    for (const std::string& line : shown.lines_) {
      to << std::exchange(separator, ", ") << line;
    }
    return to << (shown.lines_.empty() ? "[]" : "]");
  }

 private:
  template <class T>
  static std::string text_of(const T& line) {
    if constexpr (std::is_same_v<T, bool>) {
      return line ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<T>) {
      return std::to_string(line);
    } else {
      return std::string(std::string_view(line));
    }
  }

  std::vector<std::string> lines_;
};

}  // namespace motet::test
