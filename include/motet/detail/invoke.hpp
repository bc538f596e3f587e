// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Calling what is called as a function is, or points to a member, without <functional>.

#include <tuple>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class F, class... Args>
decltype(auto) invoke(F&& f, Args&&... args) {
  if constexpr (std::is_member_pointer_v<std::remove_cvref_t<F>>) {
    return std::apply(f, std::forward_as_tuple(std::forward<Args>(args)...));
  } else {
    return std::forward<F>(f)(std::forward<Args>(args)...);
  }
}

}  // namespace motet::detail
