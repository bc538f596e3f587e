// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a scope does when it is left.

#include <memory>
#include <type_traits>
#include <utility>

namespace motet::detail {

/// A callable that is run once, and those that came before it.
struct finalizer {
  finalizer() = default;
  finalizer(const finalizer&) = delete;
  finalizer& operator=(const finalizer&) = delete;
  virtual ~finalizer() = default;
  virtual void run() = 0;

  std::unique_ptr<finalizer> earlier;
};

template <class F>
std::unique_ptr<finalizer> make_finalizer(F&& f) {
  struct holder final : finalizer {
    std::decay_t<F> call;
    explicit holder(F&& f) : call(std::forward<F>(f)) {}
    void run() override { call(); }
  };
  return std::make_unique<holder>(std::forward<F>(f));
}

}  // namespace motet::detail
