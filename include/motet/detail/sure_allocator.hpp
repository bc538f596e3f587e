// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Memory for what cannot fail any more: a request to stop that is due, an error that is
/// on its way to whoever has to hear of it.

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace motet::detail {

/// From the heap; if that has no more, from a small reserve of the process. If that is
/// used up as well, the program ends with a word about it. Safe on any thread.
[[nodiscard]] void* allocate_surely(std::size_t size) noexcept;
void free_surely(void* block) noexcept;
/// Whether it is not from the heap.
[[nodiscard]] bool is_of_reserve(const void* block) noexcept;

template <class T>
struct sure_allocator {
  using value_type = T;

  sure_allocator() = default;
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): containers rebind
  sure_allocator(const sure_allocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) noexcept {
    return static_cast<T*>(allocate_surely(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t) noexcept { free_surely(block); }

  template <class U>
  bool operator==(const sure_allocator<U>&) const noexcept {
    return true;
  }
};

template <class T>
using sure_vector = std::vector<T, sure_allocator<T>>;
using sure_string = std::basic_string<char, std::char_traits<char>, sure_allocator<char>>;
using error_list = sure_vector<std::exception_ptr>;

}  // namespace motet::detail
