// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A std::stop_token on its way to or from users. Only those who name it need
/// <stop_token>, which is as long as all other headers here together.

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <typeinfo>

namespace motet::detail {

/// What std::stop_token looks like. That it is one is checked when it is passed.
template <class T>
concept stop_token_like = std::is_class_v<T> && requires(const T& token) {
  { token.stop_requested() } -> std::same_as<bool>;
  { token.stop_possible() } -> std::same_as<bool>;
};

/// Holds one, turns into one, and can be used as one. Any thread.
class token_box {
 public:
  /// One that is never requested.
  token_box() noexcept;
  template <class T>
  requires(!std::same_as<T, token_box> &&
           stop_token_like<T>) explicit token_box(const T& token)
      : token_box(&token, typeid(T)) {}
  token_box(const token_box& from) noexcept;
  token_box& operator=(const token_box& from) noexcept;
  ~token_box();

  template <class T>
  // NOLINTNEXTLINE(google-explicit-constructor): it is meant to pass as one
  requires(!std::same_as<T, token_box> && stop_token_like<T>) operator T() const {
    return *static_cast<const T*>(look(typeid(T)));
  }
  [[nodiscard]] bool stop_requested() const noexcept;
  [[nodiscard]] bool stop_possible() const noexcept;

 private:
  token_box(const void* token, const std::type_info& type);
  [[nodiscard]] const void* look(const std::type_info& type) const;

  alignas(void*) std::byte room_[sizeof(void*)];
};

}  // namespace motet::detail
