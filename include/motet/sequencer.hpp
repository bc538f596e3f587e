// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Forcing an order of steps among fibers, for tests.

#include <motet/detail/wait_queue.hpp>

#include <cstddef>
#include <utility>

namespace motet::testing {

/// Steps 0, 1, 2… are taken in that order, whichever fiber comes to its step first:
///
///     testing::sequencer seq;
///     spin([&] { seq(0); a(); seq(2); c(); });
///     spin([&] { seq(1); b(); });
///
/// A step lasts as long as the fiber does not park; `seq(1, f)` lasts until `f` returns.
/// Same thread only.
class sequencer {
 public:
  sequencer() = default;
  sequencer(const sequencer&) = delete;
  sequencer& operator=(const sequencer&) = delete;
  ~sequencer() = default;

  /// Parks until all lower steps have been taken, and takes this one.
  /// @throws structure_error if the step was taken before, or can never come because a
  /// fiber gave up waiting for a lower one. Cancellation point.
  void operator()(std::size_t step) {
    wait_for(step);
    pass();
  }
  /// As above; the step is taken when `f` has returned or thrown. Cancellation point.
  template <class F>
  void operator()(std::size_t step, F&& f) {
    wait_for(step);
    const passing on_exit{*this};
    std::forward<F>(f)();
  }

 private:
  struct passing {
    sequencer& steps;
    explicit passing(sequencer& s) noexcept : steps(s) {}
    passing(const passing&) = delete;
    passing& operator=(const passing&) = delete;
    ~passing() { steps.pass(); }
  };

  void wait_for(std::size_t step);
  void pass() noexcept;
  void wake_all() noexcept;

  detail::wait_queue waiting_;
  std::size_t next_ = 0;
  bool taking_ = false;  ///< A fiber is in step `next_`.
  bool broken_ = false;  ///< A step was given up: those after it never come.
};

}  // namespace motet::testing
