// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A borrowed callable: what templates hand to the library's compiled part.

#include <type_traits>
#include <utility>

namespace motet::detail {

template <class Signature>
class function_ref;

/// Anything that can be called so, but a reference of the same kind.
template <class F, class Self, class R, class... Args>
concept borrowable = !std::is_same_v<std::remove_cvref_t<F>, Self> &&
                     std::is_invocable_r_v<R, F&, Args...>;

/// Refers to a callable that outlives it; two words wide.
template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  template <class F>
  requires borrowable<F, function_ref, R, Args...>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): copies are kept apart above
  function_ref(F&& f)
  noexcept
      : target_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        invoke_([](void* target, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(target))(
              std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const {
    return invoke_(target_, std::forward<Args>(args)...);
  }

 private:
  void* target_;
  R (*invoke_)(void*, Args...);
};

}  // namespace motet::detail
