// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A directory of the test's own, which goes with it.

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace motet::test {

class own_directory {
 public:
  own_directory() {
    if (::mkdtemp(name_.data()) == nullptr) throw std::runtime_error("mkdtemp " + name_);
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  ~own_directory() { std::filesystem::remove_all(name_); }

  [[nodiscard]] std::string operator/(std::string_view name) const {
    return name_ + "/" + std::string(name);
  }

 private:
  std::string name_ = "own_directory_XXXXXX";
};

}  // namespace motet::test
