// SPDX-License-Identifier: MIT
#include "backend/uring/buffer_ring.hpp"

#include "backend/multishot.hpp"

#include <algorithm>
#include <utility>

#include <sys/mman.h>

namespace motet {
namespace {

constexpr unsigned fewest = 64;
/// A power of two, as the kernel wants it. Only what is used takes memory.
constexpr unsigned most = 8192;

/// Not a power of two: the beginnings of all buffers would share a few places in the
/// processor's caches.
constexpr std::size_t stride = multishot::lent_size + 64;

constexpr std::size_t bytes_of_entries = most * sizeof(io_uring_buf);
constexpr std::size_t bytes_of_buffers = most * stride;

void* map(std::size_t size) noexcept {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

buffer_ring::~buffer_ring() {
  if (entries_ != nullptr) ::munmap(entries_, bytes_of_entries);
  if (buffers_ != nullptr) ::munmap(buffers_, bytes_of_buffers);
}

bool buffer_ring::set_up() noexcept {
  state_ = state::refused;
  entries_ = static_cast<io_uring_buf_ring*>(map(bytes_of_entries));
  buffers_ = static_cast<std::byte*>(map(bytes_of_buffers));
  if (entries_ == nullptr || buffers_ == nullptr) return false;
  // Of the child of a fork the parent's would be none of its business.
  ::madvise(entries_, bytes_of_entries, MADV_DONTFORK);
  if (!kernel_.register_buffers(*entries_, most, group)) return false;
  io_uring_buf_ring_init(entries_);
  state_ = state::made;
  return grow();
}

/// Many may be told at a time that there is none: the first of them adds for all.
bool buffer_ring::replenish() noexcept {
  return free_ != 0 || grow();
}

bool buffer_ring::grow() noexcept {
  const unsigned wanted = std::min(std::max(2 * size_, fewest), most);
  if (wanted == size_) return false;
  for (unsigned id = std::exchange(size_, wanted); id < wanted; ++id)
    add(id);
  return true;
}

void buffer_ring::add(std::uint32_t id) noexcept {
  io_uring_buf_ring_add(entries_, buffers_ + id * stride, multishot::lent_size,
                        static_cast<unsigned short>(id), io_uring_buf_ring_mask(most), 0);
  io_uring_buf_ring_advance(entries_, 1);
  ++free_;
}

std::byte* buffer_ring::taken(std::uint32_t id) noexcept {
  --free_;
  return buffers_ + id * stride;
}

bool buffer_ring::owns(const std::byte* buffer) const noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(buffer);
  const auto first = reinterpret_cast<std::uintptr_t>(buffers_);
  return first != 0 && at >= first && at < first + bytes_of_buffers;
}

void buffer_ring::give_back(const std::byte* buffer) noexcept {
  const auto offset = static_cast<std::size_t>(buffer - buffers_);
  add(static_cast<std::uint32_t>(offset / stride));
}

}  // namespace motet
