// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Bytes that have come on a connection.

#include <motet/stream.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

namespace http {

/// A buffer with two marks. From the first on lies the head of the request under way,
/// which stays where it is until the request is over; from the second on what nobody has
/// looked at yet. It is small, and in the connection's fiber, until more is needed: an
/// idle connection holds no other memory.
class input {
 public:
  [[nodiscard]] std::string_view pending() const noexcept {
    return {data() + next_, end_ - next_};
  }
  /// The head, once all of it was taken.
  [[nodiscard]] std::string_view head() const noexcept {
    return {data() + first_, head_end_ - first_};
  }

  void take(std::size_t size) noexcept { next_ += size; }
  /// What was taken so far is the head.
  void end_head() noexcept { head_end_ = next_; }
  /// The request is over, and its head is forgotten.
  void end_request() noexcept;

  /// Whether anything of the request is here.
  [[nodiscard]] bool begun() const noexcept { return first_ != end_; }
  /// Whether anything of it was taken.
  [[nodiscard]] bool taken() const noexcept { return first_ != next_; }

  /// Sees to it that so much of one request fits in.
  void grow(std::size_t size);
  [[nodiscard]] std::size_t capacity() const noexcept {
    return large_ ? large_size_ : small_.size();
  }
  /// Moves what is here out of the way. @returns whether there is room for more.
  bool make_room() noexcept;
  /// Reads more, into the room there is. @returns how much; 0 at the end of the stream.
  std::size_t receive(motet::stream& from);

 private:
  [[nodiscard]] const char* data() const noexcept {
    return large_ ? large_.get() : small_.data();
  }
  [[nodiscard]] char* data() noexcept { return large_ ? large_.get() : small_.data(); }
  void move_to(std::size_t to, std::size_t from) noexcept;

  std::size_t first_ = 0;
  std::size_t head_end_ = 0;
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  std::size_t large_size_ = 0;
  std::unique_ptr<char[]> large_;
  std::array<char, 1024> small_;
};

}  // namespace http
