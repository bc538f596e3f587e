// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A borrowed callable: what templates hand to the library's compiled part.

#include <memory>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class Signature>
class function_ref;

/// Refers to a callable that outlives it; two words wide.
template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, function_ref> &&
           std::is_invocable_r_v<R, F&, Args...>) function_ref(F&& f)
  noexcept  // NOLINT(bugprone-forwarding-reference-overload)
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
