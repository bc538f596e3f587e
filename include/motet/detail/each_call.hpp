// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What `for_each_parallel` runs in its fibers, and how many of them there may be.

#include <motet/call_site.hpp>
#include <motet/detail/fiber_handle.hpp>
#include <motet/detail/lane.hpp>
#include <motet/detail/range.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/detail/wait_queue.hpp>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet::detail {

/// Keeps the fibers of one call apart and counted.
class parallel_gate {
 public:
  /// Looks for cancellation.
  parallel_gate(std::size_t limit, bool has_results, call_site where);
  parallel_gate(const parallel_gate&) = delete;
  parallel_gate& operator=(const parallel_gate&) = delete;
  ~parallel_gate() = default;

  /// Until one more may be begun. A point without a result to lose.
  void wait_for_room();
  /// Throws if one was stopped that should not have been.
  void check_ends() const;

  /// The right to be one of those under way. Its fiber owns it, run or not.
  class pass {
   public:
    explicit pass(parallel_gate& from) noexcept : gate_(&from) { ++from.under_way_; }
    pass(pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;
    pass& operator=(pass&&) = delete;
    ~pass() {
      if (gate_ != nullptr) gate_->hear_of_end();
    }

   private:
    parallel_gate* gate_;
  };

 private:
  void hear_of_end() noexcept;

  const std::size_t limit_;
  const bool has_results_;
  const call_site where_;
  std::size_t under_way_ = 0;
  wait_queue room_;
  fiber_handle stopped_;  ///< The first that somebody stopped.
};

/// Whether elements outlive the step to the next one, so that they can be lent.
template <class Range>
inline constexpr bool lends_elements =
    rewalkable<Range>&& std::is_lvalue_reference_v<element_of<Range>>;

/// An element that is lent.
template <class Range, bool lent = lends_elements<Range>>
struct element {
  using argument = element_of<Range>;

  std::remove_reference_t<argument>* at;

  explicit element(argument lent_one) noexcept : at(std::addressof(lent_one)) {}
  argument get() noexcept { return *at; }
};

/// One that is kept: passed as the range would, as an lvalue or as a temporary.
template <class Range>
struct element<Range, false> {
  using value = value_of<Range>;
  using reference = element_of<Range>;
  using argument =
      std::conditional_t<std::is_lvalue_reference_v<reference>, value&, value&&>;

  value kept;

  explicit element(reference&& from) : kept(std::forward<reference>(from)) {}
  argument get() noexcept { return static_cast<argument>(kept); }
};

template <class Range>
using argument_of = typename element<Range>::argument;
template <class F, class Range>
using each_result = std::remove_cv_t<std::invoke_result_t<F&, argument_of<Range>>>;

template <class R, class F, class Range>
class each_call {
 public:
  each_call(parallel_gate& gate, F& f, std::optional<stored<R>>& place,
            element_of<Range>&& from)
      : pass_(gate),
        f_(&f),
        place_(&place),
        element_(std::forward<element_of<Range>>(from)) {}

  void operator()() { call_into<R>(*place_, *f_, element_.get()); }

 private:
  parallel_gate::pass pass_;  // given back last
  std::remove_reference_t<F>* f_;
  std::optional<stored<R>>* place_;
  element<Range> element_;
};

}  // namespace motet::detail
