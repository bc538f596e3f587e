// SPDX-License-Identifier: MIT
#include <motet/detail/sure_allocator.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>

namespace motet::detail {

namespace {

/// Enough for some hundred requests and errors. Never touched while there is a heap, so
/// that it takes no memory until then.
class reserve {
 public:
  [[nodiscard]] void* take(std::size_t size) noexcept {
    const std::size_t wanted = (size + unit - 1) / unit;
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at + wanted <= units; ++at) {
      const auto first = lengths_.begin() + static_cast<std::ptrdiff_t>(at);
      const auto last = first + static_cast<std::ptrdiff_t>(wanted);
      if (!std::all_of(first, last, [](std::uint16_t n) { return n == 0; })) continue;
      std::fill(first, last, inside);
      *first = static_cast<std::uint16_t>(wanted);
      return room_.data() + at * unit;
    }
    return nullptr;
  }

  [[nodiscard]] bool owns(const void* block) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const auto low = reinterpret_cast<std::uintptr_t>(room_.data());
    return address >= low && address < low + room_.size();
  }

  void give_back(void* block) noexcept {
    const std::lock_guard lock(mutex_);
    const auto at =
        static_cast<std::size_t>(static_cast<std::byte*>(block) - room_.data()) / unit;
    const std::size_t length = lengths_[at];
    std::fill_n(lengths_.begin() + static_cast<std::ptrdiff_t>(at), length, 0);
  }

 private:
  static constexpr std::size_t unit = 128;
  static constexpr std::size_t units = 1024;
  static constexpr std::uint16_t inside = UINT16_MAX;

  std::mutex mutex_;
  /// Of what begins there, in units; 0: nothing, it is free.
  std::array<std::uint16_t, units> lengths_{};
  alignas(std::max_align_t) std::array<std::byte, unit * units> room_{};
};

constinit reserve last{};

}  // namespace

void* allocate_surely(std::size_t size) noexcept {
  if (void* const block = ::operator new(size, std::nothrow)) [[likely]]
    return block;
  if (void* const block = last.take(size)) return block;
  std::fprintf(stderr,
               "motet: out of memory: %zu bytes for a request to stop or an error on its "
               "way, and the reserve for these is used up\n",
               size);
  std::terminate();
}

bool is_of_reserve(const void* block) noexcept {
  return last.owns(block);
}

void free_surely(void* block) noexcept {
  if (last.owns(block)) [[unlikely]] {
    last.give_back(block);
  } else {
    ::operator delete(block);
  }
}

}  // namespace motet::detail
