// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a scope does when it is left.

#include <motet/call_site.hpp>
#include <motet/detail/owner.hpp>

#include <type_traits>
#include <utility>

namespace motet::detail {

/// A callable that is run once, and those that came before it.
struct finalizer {
  explicit finalizer(call_site from) noexcept : where(from) {}
  finalizer(const finalizer&) = delete;
  finalizer& operator=(const finalizer&) = delete;
  virtual ~finalizer() = default;
  virtual void run() = 0;

  call_site where;
  owner<finalizer> earlier;
};

template <class F>
owner<finalizer> make_finalizer(F&& f, call_site where) {
  struct holder final : finalizer {
    std::decay_t<F> call;
    holder(F&& f, call_site from) : finalizer(from), call(std::forward<F>(f)) {}
    void run() override { call(); }
  };
  return owner<finalizer>(new holder(std::forward<F>(f), where));
}

}  // namespace motet::detail
