// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What `blocking` hands to the library's compiled part: a callable whose types are
/// forgotten, and room for its result.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/detail/token_box.hpp>

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class F>
inline constexpr bool takes_token = std::is_invocable_v<F&, token_box>;

/// What can be done on another thread: `f()` or `f(stop_token)`.
template <class F>
concept job_callable = takes_token<F> || std::is_invocable_v<F&>;

template <class F>
struct job_result : std::invoke_result<F&> {};
template <class F>
requires takes_token<F>
struct job_result<F> : std::invoke_result<F&, token_box> {
};
template <class F>
using job_result_t = std::remove_cv_t<typename job_result<F>::type>;

/// How to run a callable whose types are forgotten.
struct job_body {
  void* call;
  void (*run)(void* call, const token_box& token);
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
            [](void* call, const token_box& token) {
              static_cast<job_call*>(call)->run(token);
            },
            takes_token<F>};
  }

  /// The result, once it has run.
  result take() { return held_result<result>(std::move(result_)).take(); }

 private:
  result invoke(const token_box& token) {
    if constexpr (takes_token<F>) {
      return detail::invoke(f_, token);
    } else {
      return detail::invoke(f_);
    }
  }

  void run(const token_box& token) {
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
struct owned_call {
  owned_call() = default;
  owned_call(void* what, void (*how)(void* call) noexcept) noexcept
      : call(what), end(how) {}
  owned_call(owned_call&& from) noexcept
      : call(std::exchange(from.call, nullptr)), end(from.end) {}
  owned_call& operator=(owned_call&& from) noexcept {
    std::swap(call, from.call);
    std::swap(end, from.end);
    return *this;
  }
  owned_call(const owned_call&) = delete;
  owned_call& operator=(const owned_call&) = delete;
  ~owned_call() { reset(); }

  explicit operator bool() const noexcept { return call != nullptr; }
  void reset() noexcept {
    if (call != nullptr) end(std::exchange(call, nullptr));
  }

  void* call = nullptr;
  void (*end)(void* call) noexcept = nullptr;
};

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
