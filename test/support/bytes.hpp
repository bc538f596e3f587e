// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where tests get bytes from without a network, and where they put them.

#include "test/support/network.hpp"

#include <motet/cancel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace motet::test {

/// Gives one of its pieces at a time, then the end, again and again.
class pieces_to_read {
 public:
  explicit pieces_to_read(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}

  std::span<std::byte> read(std::span<std::byte> into) {
    ++reads;
    if (next_ == pieces_.size() || into.empty()) return into.first(0);
    std::string& piece = pieces_[next_];
    const std::size_t size = std::min(piece.size(), into.size());
    std::memcpy(into.data(), piece.data(), size);
    piece.erase(0, size);
    if (piece.empty()) ++next_;
    return into.first(size);
  }

  int reads = 0;

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

/// Takes what is written, and notes how.
struct written_text {
  void write(std::span<const std::span<const std::byte>> pieces, std::size_t& done,
             call_site) {
    done = 0;
    ++writes;
    for (const std::span<const std::byte> piece : pieces) {
      const std::size_t size = std::min(piece.size(), room - text.size());
      text += text_of(piece.first(size));
      done += size;
      if (size != piece.size()) fail();
    }
  }
  void write(std::span<const std::byte> data, std::size_t& done, call_site where = {}) {
    write(std::span(&data, 1), done, where);
  }
  void write(std::span<const std::byte> data) {
    std::size_t done = 0;
    write(data, done);
  }

  std::string text;
  int writes = 0;
  std::size_t room = ~std::size_t{0};  ///< When it is full:
  void (*fail)() = +[] { suspend(); };
};

}  // namespace motet::test
