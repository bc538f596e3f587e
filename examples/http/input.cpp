// SPDX-License-Identifier: MIT
#include "examples/http/input.hpp"

#include <cstring>
#include <span>
#include <utility>

namespace http {

void input::end_request() noexcept {
  first_ = head_end_ = next_;
  if (next_ != end_) return;
  first_ = head_end_ = next_ = end_ = 0;
  large_.reset();
}

void input::grow(std::size_t size) {
  if (size <= capacity()) return;
  auto larger = std::make_unique_for_overwrite<char[]>(size);
  std::memcpy(larger.get(), data() + first_, end_ - first_);
  head_end_ -= first_;
  next_ -= first_;
  end_ -= first_;
  first_ = 0;
  large_ = std::move(larger);
  large_size_ = size;
}

/// What lies from `from` on comes to lie from `to` on.
void input::move_to(std::size_t to, std::size_t from) noexcept {
  std::memmove(data() + to, data() + from, end_ - from);
  end_ -= from - to;
}

bool input::make_room() noexcept {
  if (next_ != end_ && end_ != capacity()) return true;
  if (head_end_ > first_) {  // a body: the head stays
    move_to(head_end_, next_);
    next_ = head_end_;
  } else if (first_ > 0) {  // a head, of which a part may have been taken already
    move_to(0, first_);
    next_ -= first_;
    first_ = head_end_ = 0;
  }
  return end_ != capacity();
}

std::size_t input::receive(motet::stream& from) {
  const std::span room(data() + end_, capacity() - end_);
  const std::size_t got = from.read(std::as_writable_bytes(room)).size();
  end_ += got;
  return got;
}

}  // namespace http
