// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where bytes come from: anything that can `read`.

#include <motet/call_site.hpp>

#include <concepts>
#include <cstddef>
#include <span>

namespace motet::detail {

/// Reads what there is into a buffer, and returns the part that it filled: nothing at the
/// end.
template <class S>
concept readable = requires(S& from, std::span<std::byte> into) {
  { from.read(into) } -> std::convertible_to<std::span<const std::byte>>;
};

/// Refers to a source that outlives it; two words wide.
class byte_source {
 public:
  template <readable S>
  explicit byte_source(S& from) noexcept
      : from_(std::addressof(from)), read_(&read_from<S>) {}

  /// @returns how many bytes; 0 at the end.
  std::size_t read(std::span<std::byte> into, call_site where) {
    return read_(from_, into, where);
  }

 private:
  template <class S>
  static std::size_t read_from(void* from, std::span<std::byte> into, call_site where) {
    S& source = *static_cast<S*>(from);
    if constexpr (requires { source.read(into, where); }) {
      return std::span<const std::byte>(source.read(into, where)).size();
    } else {
      return std::span<const std::byte>(source.read(into)).size();
    }
  }

  void* from_;
  std::size_t (*read_)(void*, std::span<std::byte>, call_site);
};

}  // namespace motet::detail
