// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What `blocking` hands to the library's compiled part: a callable whose types are
/// forgotten, and room for its result.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/result_slot.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class F>
inline constexpr bool takes_token = std::is_invocable_v<F&, std::stop_token>;

/// What can be done on another thread: `f()` or `f(stop_token)`.
template <class F>
concept job_callable = takes_token<F> || std::is_invocable_v<F&>;

template <class F>
struct job_result : std::invoke_result<F&> {};
template <class F>
requires takes_token<F>
struct job_result<F> : std::invoke_result<F&, std::stop_token> {
};
template <class F>
using job_result_t = std::remove_cv_t<typename job_result<F>::type>;

/// How to run a callable whose types are forgotten.
struct job_body {
  void* call;
  void (*run)(void* call, const std::stop_token& token);
  bool wants_token;
};

/// A callable, or a reference to one, and its result.
template <class F>
class job_call {
 public:
  using result = job_result_t<F>;

  explicit job_call(F&& f) : f_(std::forward<F>(f)) {}

  [[nodiscard]] job_body body() noexcept {
    return {this,
            [](void* call, const std::stop_token& token) {
              static_cast<job_call*>(call)->run(token);
            },
            takes_token<F>};
  }

  /// The result, once it has run.
  result take() { return held_result<result>(std::move(result_)).take(); }

 private:
  result invoke(const std::stop_token& token) {
    if constexpr (takes_token<F>) {
      return std::invoke(f_, token);
    } else {
      return std::invoke(f_);
    }
  }

  void run(const std::stop_token& token) {
    if constexpr (std::is_void_v<result>) {
      invoke(token);
      result_.emplace();
    } else if constexpr (std::is_reference_v<result>) {
      result_.emplace(std::addressof(invoke(token)));
    } else {
      result_.emplace(invoke(token));
    }
  }

  F f_;
  std::optional<stored<result>> result_;
};

/// A call that may outlive whoever made it.
using owned_call = std::unique_ptr<void, void (*)(void* call) noexcept>;

/// What asks a job to end early. Called at most once.
using job_action = function_ref<void()>;

/// Has the body run by the pool, and parks until it was. @param on_cancel may be null.
void run_job(const job_body& body, const job_action* on_cancel, call_site where);

/// The same for a body that is part of `call`; but if the wait is cut short, `call` is
/// taken away, to be destroyed when the body has returned.
void run_owned_job(const job_body& body, owned_call& call, call_site where);

/// Has `body` run by the fiber that waits for the job that this thread runs.
void run_in_fiber(function_ref<void()> body);

}  // namespace motet::detail
