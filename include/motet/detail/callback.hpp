// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A callable in an options struct: std::function without <functional>.

#include <motet/detail/function_ref.hpp>
#include <motet/detail/invoke.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class Signature>
class callback;

template <class F>
concept may_be_null = requires(const F& f) {
  { f == nullptr } -> std::convertible_to<bool>;
};

/// Owns a copy of a callable, or nothing. Copies copy it.
template <class R, class... Args>
// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions): one assignment is both
class callback<R(Args...)> {
 public:
  callback() = default;
  callback(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires borrowable<F, callback, R, Args...>
  // NOLINTNEXTLINE(google-explicit-constructor, bugprone-forwarding-reference-overload)
  callback(F&& f) {
    using callable = std::decay_t<F>;
    constexpr bool is_function = std::is_function_v<std::remove_reference_t<F>>;
    if constexpr (may_be_null<callable> && !is_function) {
      if (f == nullptr) return;
    }
    target_ = new callable(std::forward<F>(f));
    how_ = &operations_of<callable>;
  }
  callback(callback&& from) noexcept
      : target_(std::exchange(from.target_, nullptr)), how_(from.how_) {}
  callback(const callback& from)
      : target_(from ? from.how_->copy(from.target_) : nullptr), how_(from.how_) {}
  callback& operator=(callback from) noexcept {
    std::swap(target_, from.target_);
    std::swap(how_, from.how_);
    return *this;
  }
  ~callback() {
    if (target_ != nullptr) how_->destroy(target_);
  }

  explicit operator bool() const noexcept { return target_ != nullptr; }
  R operator()(Args... args) const {
    return how_->call(target_, std::forward<Args>(args)...);
  }

 private:
  struct operations {
    R (*call)(void* target, Args... args);
    void* (*copy)(const void* target);
    void (*destroy)(void* target) noexcept;
  };

  template <class F>
  static constexpr operations operations_of{
      [](void* target, Args... args) -> R {
        if constexpr (std::is_void_v<R>) {
          detail::invoke(*static_cast<F*>(target), std::forward<Args>(args)...);
        } else {
          return detail::invoke(*static_cast<F*>(target), std::forward<Args>(args)...);
        }
      },
      [](const void* target) -> void* { return new F(*static_cast<const F*>(target)); },
      [](void* target) noexcept { delete static_cast<F*>(target); }};

  void* target_ = nullptr;
  const operations* how_ = nullptr;
};

}  // namespace motet::detail
