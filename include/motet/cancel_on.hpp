// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Requests to stop, from and to code that knows std::stop_token.

#include <motet/call_site.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/token_box.hpp>
#include <motet/scope.hpp>

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace motet {

namespace detail {

/// Passes a token's request on to a scope, for as long as it lives.
class token_link {
 public:
  token_link(const token_box& token, scope_ref target, call_site where);
  token_link(const token_link&) = delete;
  token_link& operator=(const token_link&) = delete;
  ~token_link();

 private:
  struct listener;
  owner<listener> listener_;
};

}  // namespace detail

/// Runs `f` as a scope that `token`, too, cancels: a std::stop_token, which any thread
/// may request.
/// @returns the result, or nothing if it was cancelled (`bool` if `f` returns void).
/// Cancellation point if `f` has one.
template <detail::stop_token_like Token, class F>
auto cancel_on(const Token& token, F&& f, call_site where = call_site::here()) {
  using R = std::invoke_result_t<F&>;
  using held = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  std::optional<held> result;
  with_scope([&](scope& s) {
    const detail::token_link link(detail::token_box(token), s.ref(), where);
    if constexpr (std::is_void_v<R>) {
      f();
      result.emplace();
    } else {
      result.emplace(f());
    }
  });
  if constexpr (std::is_void_v<R>) {
    return result.has_value();
  } else {
    return result;
  }
}

namespace this_fiber {

/// A token for code that is no fiber: requested as soon as a scope is asked to stop that
/// can be seen from here, the fiber, a timeout or a scope around this call, and never
/// any more once the innermost of them is left. In a shield: once the shield is left.
/// `terminate` with a grace requests it before anything is thrown. Its callbacks run
/// where the request is made, or between two fibers: they must neither park nor spin.
/// Outside of fibers: a token that is never requested. Never parks.
/// @returns what turns into a std::stop_token; <stop_token> is yours to include.
[[nodiscard]] detail::token_box stop_token();

}  // namespace this_fiber

}  // namespace motet
