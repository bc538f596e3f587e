// SPDX-License-Identifier: MIT
#include "examples/key_value/input.hpp"

#include <algorithm>
#include <cstring>

namespace key_value {

namespace {

/// Enough for a few hundred pipelined requests. Pages that nothing is read into cost
/// nothing.
constexpr std::size_t first_size = std::size_t{16} << 10;

}  // namespace

void input::make_room() {
  const std::size_t used = end_ - begin_;
  std::size_t wanted = size_;
  if (used == 0) {
    wanted = first_size;  // what a large request took is given back
  } else if (used > size_ / 2) {
    wanted = std::min(2 * size_, most_);
  }
  if (wanted != size_) {
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (used > 0) std::memcpy(larger.get(), &bytes_[begin_], used);
    bytes_ = std::move(larger);
    size_ = wanted;
  } else if (used > 0) {
    std::memmove(&bytes_[0], &bytes_[begin_], used);
  }
  begin_ = 0;
  end_ = used;
}

bool input::read_from(motet::stream& peer) {
  if (begin_ == end_ || end_ == size_) make_room();
  const std::span<std::byte> room =
      std::as_writable_bytes(std::span(&bytes_[end_], size_ - end_));
  const std::size_t got = peer.read(room).size();
  end_ += got;
  return got > 0;
}

}  // namespace key_value
