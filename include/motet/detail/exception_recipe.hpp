// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a timeout throws, as ingredients until it does.

#include <motet/detail/timed_scope.hpp>

#include <exception>
#include <tuple>
#include <utility>

namespace motet::detail {

/// Makes the exception when, and only if, time has run out.
template <class E, class... Args>
struct exception_recipe {
  std::tuple<Args...> args;
  [[noreturn]] void raise(const timed_scope& scope) {
    throw_for_deadline(
        std::apply([](Args&... a) { return std::make_exception_ptr(E(std::move(a)...)); },
                   args),
        scope);
  }
};
struct default_recipe {
  [[noreturn]] void raise(const timed_scope& scope) { throw_timeout(scope); }
};

}  // namespace motet::detail
